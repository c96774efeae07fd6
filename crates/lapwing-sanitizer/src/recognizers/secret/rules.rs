//! The published formats of keys and tokens, and the names of the services whose keys have no telling form.

/// A token whose first characters tell what it is.
pub(super) struct Prefixed {
    pub(super) name: &'static str,
    /// Lower-case beginnings, parted by `|`; the pattern runs only where one stands.
    pub(super) keywords: &'static str,
    pub(super) pattern: &'static str,
    /// Lowest entropy in bits a byte: less is an example.
    pub(super) entropy: f32,
    /// Fewest digits: words of a language have none.
    pub(super) digits: usize,
    /// How many bytes of the token stand before the keyword.
    pub(super) back: usize,
    /// Whether the keyword may stand inside of a longer word.
    pub(super) inside: bool,
}

const fn rule(name: &'static str, keywords: &'static str, entropy: f32, pattern: &'static str) -> Prefixed {
    Prefixed { name, keywords, pattern, entropy, digits: 0, back: 0, inside: false }
}

const fn inner(name: &'static str, keywords: &'static str, entropy: f32, pattern: &'static str) -> Prefixed {
    Prefixed { name, keywords, pattern, entropy, digits: 0, back: 0, inside: true }
}

/// Formats as their issuers document them, or as their tokens show.
#[rustfmt::skip]
pub(super) static PREFIXED: &[Prefixed] = &[
    inner("aws-key-id", "akia|asia|abia|acca|a3t", 3.0, r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    rule("aws-bedrock", "absk", 3.0, r"ABSK[A-Za-z0-9+/]{100,}={0,2}"),
    rule("aws-bedrock-short", "bedrock-api-key-", 3.0, r"bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/=]*"),
    rule("aws-mws", "amzn.mws.", 3.0, r"amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    rule("amazon-oauth", "amzn1.oa2-cs.", 3.0, r"amzn1\.oa2-cs\.v1\.[0-9a-f]{64}"),
    rule("github", "ghp_|gho_|ghu_|ghs_|ghr_", 3.0, r"gh[pousr]_[A-Za-z0-9]{30,}"),
    rule("github-fine-grained", "github_pat_", 3.0, r"github_pat_[A-Za-z0-9_]{40,}"),
    rule("gitlab", "glpat-|glptt-|glrt-|gldt-|glcbt-|glsoat-|glft-|glimt-|glagent-|glffct-|glrtr-|glwt-", 3.0, r"gl(?:pat|ptt|rt|dt|cbt|soat|ft|imt|agent|ffct|rtr|wt)-[A-Za-z0-9_=.-]{18,}"),
    rule("gitlab-runner", "gr1348941", 3.0, r"GR1348941[A-Za-z0-9_-]{20}"),
    inner("gitlab-session", "_gitlab_session=", 3.0, r"_gitlab_session=[0-9a-z]{32}"),
    Prefixed { digits: 2, ..rule("slack-token", "xoxb-|xoxa-|xoxp-|xoxo-|xoxs-|xoxr-|xoxc-|xoxd-|xoxe-", 2.0, r"xox[abcdeoprs]-(?:[0-9]-)?[A-Za-z0-9%/+=-]{8,}") },
    rule("slack-rotating", "xoxe.xox", 2.0, r"(?i)xoxe\.xox[bp]-[0-9]-[A-Z0-9]{40,}"),
    rule("slack-app", "xapp-", 2.0, r"(?i)xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+"),
    inner("slack-webhook", "hooks.slack.com", 3.0, r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,60}"),
    rule("stripe", "sk_live_|sk_test_|rk_live_|rk_test_|sk_prod_|rk_prod_", 2.5, r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    rule("stripe-webhook", "whsec_", 3.0, r"whsec_[A-Za-z0-9+/=]{24,}"),
    rule("openai-project", "sk-proj-|sk-svcacct-|sk-admin-|sk-None-", 3.0, r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}"),
    rule("openai", "sk-", 3.3, r"sk-[A-Za-z0-9]{20,}"),
    rule("anthropic", "sk-ant-", 3.0, r"sk-ant-[a-z0-9]{2,12}-[A-Za-z0-9_-]{20,}"),
    rule("openrouter", "sk-or-", 3.0, r"sk-or-(?:v1-)?[0-9a-f]{32,}"),
    rule("langfuse", "sk-lf-|pk-lf-", 3.0, r"[sp]k-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    rule("langsmith", "lsv2_", 3.0, r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    rule("groq", "gsk_", 3.0, r"gsk_[A-Za-z0-9]{40,64}"),
    rule("xai", "xai-", 3.0, r"xai-[A-Za-z0-9_]{60,}"),
    rule("perplexity", "pplx-", 3.0, r"pplx-[A-Za-z0-9]{40,64}"),
    rule("replicate", "r8_", 3.0, r"r8_[A-Za-z0-9]{36,40}"),
    rule("nvidia", "nvapi-", 3.0, r"nvapi-[A-Za-z0-9_-]{60,70}"),
    rule("huggingface", "hf_", 2.0, r"hf_[A-Za-z0-9]{30,40}"),
    rule("huggingface-org", "api_org_", 2.0, r"api_org_[A-Za-z]{30,40}"),
    rule("llama-cloud", "llx-", 3.0, r"llx-[A-Za-z0-9]{40,60}"),
    rule("tavily", "tvly-", 3.0, r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{24,40}"),
    rule("anyscale", "esecret_", 3.0, r"esecret_[A-Za-z0-9]{20,}"),
    rule("jina", "jina_", 3.0, r"jina_[0-9a-f]{32}[A-Za-z0-9_-]{20,40}"),
    rule("fireworks", "fw_", 3.3, r"fw_[A-Za-z0-9]{22,40}"),
    rule("elevenlabs", "sk_", 3.0, r"sk_[0-9a-f]{48}"),
    rule("google-api", "aiza", 3.0, r"AIza[A-Za-z0-9_-]{35}"),
    rule("google-oauth", "ya29.", 3.0, r"ya29\.[A-Za-z0-9_-]{30,}"),
    rule("google-client-secret", "gocspx-", 3.0, r"GOCSPX-[A-Za-z0-9_-]{24,40}"),
    rule("google-refresh", "1//0", 3.0, r"1//0[A-Za-z0-9_-]{40,}"),
    inner("firebase-messaging", ":apa91b", 3.0, r":APA91b[A-Za-z0-9_-]{100,}"),
    rule("npm", "npm_", 3.0, r"npm_[A-Za-z0-9]{36}"),
    rule("pypi", "pypi-ag", 3.0, r"pypi-AgEI[A-Za-z0-9_-]{50,}"),
    rule("rubygems", "rubygems_", 3.0, r"rubygems_[0-9a-f]{48}"),
    rule("nuget", "oy2", 3.0, r"oy2[a-z0-9]{43}"),
    rule("clojars", "clojars_", 3.0, r"(?i)CLOJARS_[a-z0-9]{60}"),
    rule("cratesio", "cio", 3.6, r"cio[A-Za-z0-9]{32}"),
    rule("docker", "dckr_pat_|dckr_oat_", 3.0, r"dckr_[po]at_[A-Za-z0-9_-]{24,}"),
    rule("digitalocean", "dop_v1_|doo_v1_|dor_v1_", 3.0, r"(?i)do[opr]_v1_[0-9a-f]{64}"),
    rule("shopify", "shpat_|shpca_|shppa_|shpss_|shptka_", 2.0, r"shp(?:at|ca|pa|ss|tka)_[0-9A-Fa-f]{32}"),
    rule("sendgrid", "sg.", 3.0, r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,}"),
    rule("mailgun", "key-|pubkey-", 3.0, r"(?:pub)?key-[0-9a-f]{32}"),
    rule("twilio", "sk|ac", 3.0, r"(?:SK|AC)[0-9a-f]{32}"),
    rule("sendinblue", "xkeysib-|xsmtpsib-", 3.0, r"x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    rule("square", "sq0csp-|sq0atp-|sq0idp-", 2.0, r"sq0[a-z]{3}-[A-Za-z0-9_\]-]{22,}"),
    rule("square-access", "eaaa", 3.0, r"EAAA[A-Za-z0-9_-]{60}"),
    inner("discord-webhook", "discord.com/api/webhooks/|discordapp.com/api/webhooks/", 3.0, r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}"),
    inner("teams-webhook", ".webhook.office.com/", 3.0, r"\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36}"),
    rule("fly", "fo1_|fm1a_|fm1r_|fm2_", 3.0, r"f(?:o1|m1[ar]|m2)_[A-Za-z0-9+/=_-]{40,}"),
    rule("grafana", "glsa_|glc_", 3.0, r"gl(?:sa|c)_[A-Za-z0-9+/=]{32,}(?:_[0-9A-Fa-f]{8})?"),
    rule("grafana-key", "eyjrijoi", 3.0, r"eyJrIjoi[A-Za-z0-9+/=]{60,}"),
    rule("vault", "hvs.|hvb.|hvr.", 3.0, r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    Prefixed { digits: 2, ..rule("vault-legacy", "s.", 3.8, r"s\.[A-Za-z0-9]{24}") },
    inner("terraform", ".atlasv1.", 3.0, r"\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    rule("onepassword", "ops_eyj", 3.0, r"ops_eyJ[A-Za-z0-9+/=]{100,}"),
    rule("onepassword-secret", "a3-", 3.0, r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}"),
    rule("linear", "lin_api_|lin_oauth_", 2.0, r"(?i)lin_(?:api|oauth)_[a-z0-9]{32,}"),
    rule("notion", "ntn_|secret_", 3.0, r"(?:ntn_[0-9]{11}[A-Za-z0-9]{32,40}|secret_[A-Za-z0-9]{43})"),
    rule("postman", "pmak-", 3.0, r"(?i)PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    rule("prefect", "pnu_", 2.0, r"pnu_[A-Za-z0-9]{36}"),
    rule("pulumi", "pul-", 2.0, r"pul-[0-9a-f]{40}"),
    rule("planetscale", "pscale_tkn_|pscale_oauth_|pscale_pw_", 3.0, r"(?i)pscale_(?:tkn|oauth|pw)_[a-z0-9=._-]{32,}"),
    rule("databricks", "dapi", 3.0, r"dapi[0-9a-h]{32}(?:-[0-9])?"),
    rule("doppler", "dp.pt.|dp.st.|dp.ct.|dp.sa.|dp.scim.", 2.0, r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]+\.)?[A-Za-z0-9]{40,44}"),
    rule("duffel", "duffel_", 2.0, r"(?i)duffel_(?:test|live)_[a-z0-9_=-]{43}"),
    rule("dynatrace", "dt0c01.|dt0s16.|dt0s02.", 3.0, r"(?i)dt0[a-z][0-9]{2}\.[a-z0-9]{24}\.[a-z0-9]{64}"),
    rule("easypost", "ezak|eztk", 2.0, r"(?i)EZ[AT]K[a-z0-9]{54}"),
    rule("flutterwave", "flwseck|flwpubk", 2.0, r"(?i)FLW(?:SECK|PUBK)(?:_TEST)?-[0-9a-h]{12,40}(?:-X)?"),
    rule("frameio", "fio-u-", 3.0, r"(?i)fio-u-[a-z0-9_=-]{64}"),
    rule("infracost", "ico-", 3.0, r"ico-[A-Za-z0-9]{32}"),
    rule("netlify", "nfp_", 3.0, r"nfp_[A-Za-z0-9_]{36,40}"),
    rule("newrelic", "nrak-|nrjs-|nrii-|nrra-|nriq-|nraa-", 2.0, r"(?i)NR(?:AK|JS|II|RA|IQ|AA)-[a-z0-9_-]{19,42}"),
    rule("readme", "rdme_", 2.0, r"rdme_[a-z0-9]{70}"),
    rule("scalingo", "tk-us-", 2.0, r"tk-us-[A-Za-z0-9_-]{48}"),
    rule("sentry", "sntrys_|sntryu_", 2.0, r"sntry(?:u_[0-9a-f]{63,64}|s_eyJ[A-Za-z0-9+/=_]{50,})"),
    rule("shippo", "shippo_live_|shippo_test_", 2.0, r"shippo_(?:live|test)_[0-9a-fA-F]{40}"),
    rule("supabase", "sbp_|sb_secret_", 3.0, r"(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,})"),
    rule("settlemint", "sm_aat_|sm_pat_|sm_sat_", 2.0, r"sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}"),
    rule("sourcegraph", "sgp_", 3.0, r"sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}"),
    rule("alibaba", "ltai", 2.0, r"LTAI[A-Za-z0-9]{12,24}"),
    rule("tencent", "akid", 3.0, r"AKID[A-Za-z0-9]{28,40}"),
    rule("age", "age-secret-key-1", 2.0, r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7Lqpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}"),
    rule("adobe", "p8e-", 2.0, r"(?i)p8e-[a-z0-9]{32}"),
    rule("artifactory", "akcp|cmvmdgtuoj", 3.0, r"(?:AKCp[A-Za-z0-9]{69}|cmVmdGtuOj[A-Za-z0-9]{40,64})"),
    rule("atlassian", "atatt3|atctt3", 3.0, r"AT[AC]TT3[A-Za-z0-9_=-]{100,}"),
    rule("bitbucket-app", "atbb", 3.0, r"ATBB[A-Za-z0-9]{32}"),
    rule("authress", "sc_|ext_|scauth_|authress_", 2.0, r"(?i)(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[a-z0-9+/_=-]{30,}"),
    rule("clickhouse", "4b1d", 3.0, r"4b1d[A-Za-z0-9]{38}"),
    rule("contentful", "cfpat-", 3.0, r"CFPAT-[A-Za-z0-9_-]{43}"),
    rule("cloudflare-origin", "v1.0-", 2.0, r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}"),
    rule("defined-networking", "dnkey-", 3.0, r"(?i)dnkey-[a-z0-9=_-]{26}-[a-z0-9=_-]{52}"),
    rule("facebook", "eaam|eaac|eaab|eaad|eaag", 3.0, r"EAA[MCBDG][A-Za-z0-9]{60,}"),
    rule("harness", "pat.|sat.", 3.0, r"[ps]at\.[A-Za-z0-9_-]{22}\.[0-9a-fA-F]{24}\.[A-Za-z0-9]{20}"),
    rule("intra42", "s-s4t2ud-|s-s4t2af-", 3.0, r"s-s4t2(?:ud|af)-[0-9a-f]{64}"),
    rule("heroku", "hrku-", 3.0, r"HRKU-[A-Za-z0-9_-]{36,64}"),
    rule("jwt", "eyj|ewog", 3.0, r"(?:eyJ|ewog)[A-Za-z0-9_/+%-]{8,}={0,2}\.(?:eyJ|ewog|ZXlK)?[A-Za-z0-9_/+%=-]{4,}(?:\.[A-Za-z0-9_/+%=-]{8,})?"),
    rule("jwt-base64", "zxlk", 3.0, r"ZXlK[A-Za-z0-9+/_-]{60,}={0,2}"),
    rule("lob", "live_|test_", 3.0, r"(?i)(?:live|test)_(?:pub_)?[0-9a-f]{31,35}"),
    rule("mapbox", "pk.|sk.|tk.", 3.0, r"[pst]k\.(?:eyJ[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{60})\.[A-Za-z0-9_-]{20,24}"),
    rule("octopus", "api-", 3.0, r"API-[A-Z0-9]{26,32}"),
    rule("openshift", "sha256~", 3.0, r"sha256~[A-Za-z0-9_-]{43}"),
    rule("plaid", "access-sandbox-|access-development-|access-production-", 3.0, r"access-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    rule("typeform", "tfp_", 3.0, r"(?i)tfp_[a-z0-9._=-]{59}"),
    rule("tailscale", "tskey-", 3.0, r"tskey-(?:auth|api|client|webhook|scim)-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)?"),
    rule("twitter-bearer", "aaaaaaaaaaaaaaaaaaaaaa", 3.0, r"A{22}[A-Za-z0-9%]{80,}"),
    rule("yandex-api", "aqvn", 2.0, r"AQVN[A-Za-z0-9_-]{35,38}"),
    rule("yandex-iam", "t1.", 3.0, r"t1\.[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]{86}={0,2}"),
    rule("yandex-s3", "ycaje", 3.0, r"YCAJE[A-Za-z0-9_-]{20}"),
    rule("yandex-s3-secret", "yc", 3.6, r"YC[A-Za-z0-9_-]{38}"),
    rule("airtable", "pat", 3.0, r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    rule("figma", "figd_|figdr_", 3.0, r"fig(?:d|dr)_[A-Za-z0-9_-]{36,60}"),
    rule("buildkite", "bkua_", 3.0, r"bkua_[0-9a-f]{40}"),
    rule("circleci", "ccipat_", 3.0, r"CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    rule("ionic", "ion_", 3.0, r"(?i)ion_[a-z0-9]{42}"),
    rule("launchdarkly", "sdk-|mob-", 3.0, r"(?:sdk|mob|api)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    rule("neon", "napi_", 3.0, r"napi_[a-z0-9]{64}"),
    rule("razorpay", "rzp_", 3.0, r"rzp_(?:live|test)_[A-Za-z0-9]{14}"),
    rule("resend", "re_", 3.3, r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    rule("wakatime", "waka_", 3.0, r"waka_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    rule("polar", "polar_", 3.0, r"polar_(?:oat|pat|rt|at|whs)_[A-Za-z0-9]{30,}"),
    rule("clerk-workos", "sk_test_a2v5|workos", 3.0, r"sk_test_a2V5[A-Za-z0-9+/=]{30,}"),
    rule("contentstack", "cs", 3.6, r"cs[0-9a-f]{30}"),
    rule("sonar", "sqp_|sqa_|squ_", 3.0, r"sq[pau]_[0-9a-f]{40}"),
    rule("looker-studio", "rpa_", 3.0, r"rpa_[A-Za-z0-9]{40,50}"),
    Prefixed { back: 4, ..inner("azure-client-secret", "q~", 3.0, r"[A-Za-z0-9_.~-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}") },
    inner("azure-storage", "accountkey=|sharedaccesskey=", 3.0, r"(?i)(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}"),
    rule("azure-devops", "azdo", 3.0, r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
    inner("azure-sas", "sig=", 3.0, r"sig=[A-Za-z0-9%+/]{40,}(?:%3D|=){0,2}"),
    rule("putty", "putty-user-key-file", 3.0, r"PuTTY-User-Key-File-[23]: [^\n]{1,}\n(?:[^\n]{0,}\n){4,}Private-MAC: [0-9a-f]{40,64}"),
    rule("trello", "atta", 3.0, r"ATTA[0-9a-f]{64}[A-Za-z0-9]{0,12}"),
    rule("persona", "persona_", 3.0, r"persona_(?:production|sandbox)_[0-9a-f-]{36}"),
    rule("hubspot-pat", "pat-na1-|pat-eu1-", 3.0, r"pat-(?:na|eu)1-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    rule("chief-pinecone", "pcsk_", 3.0, r"pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{40,}"),
    rule("zuplo", "zpka_", 3.0, r"zpka_[A-Za-z0-9]{32}_[A-Za-z0-9]{8}"),
    rule("deno", "ddp_|ddw_", 3.0, r"dd[pw]_[A-Za-z0-9]{36}"),
    rule("vercel", "vcp_|vck_|vci_|vca_", 3.0, r"vc[pkia]_[A-Za-z0-9]{24,}"),
    rule("logfire", "pylf_", 3.0, r"pylf_v[0-9]_[a-z]{2}_[A-Za-z0-9]{40,60}"),
    rule("posthog", "phx_|phc_", 3.0, r"ph[xc]_[A-Za-z0-9]{40,50}"),
    rule("mollie", "live_", 3.5, r"live_[A-Za-z0-9]{30}"),
    rule("gocardless", "live_", 3.0, r"(?i)live_[a-z0-9_=-]{40}"),
    rule("unkey", "unkey_", 3.0, r"unkey_[A-Za-z0-9]{20,30}"),
    rule("wise-monzo", "mnzprv", 3.0, r"mnz(?:prv|pub)\.[A-Za-z0-9+/]{80,}"),
    rule("beamer", "b_", 3.3, r"(?i)b_[a-z0-9=_-]{44}"),
    rule("lichess", "lip_", 3.0, r"lip_[A-Za-z0-9]{20,30}"),
    rule("rapyd", "rsk_", 3.0, r"rsk_[0-9a-f]{40,}"),
];

/// Services whose keys look like any random value: told by the name of the variable they are assigned to.
pub(super) const VENDORS: &str = "adafruit|adobe|adyen|airtable|algolia|alibaba|amplitude|anthropic|appveyor|artifactory|asana|atlassian|auth0|aws|azure|beamer|bitbucket|\
     bitly|bittrex|braintree|bugsnag|buildkite|cerebras|circleci|cisco|clickhouse|cloudflare|cloudinary|codacy|codecov|cohere|coinbase|confluence|\
     confluent|contentful|coveralls|cypress|databricks|datadog|dd_api|deepgram|deepseek|discord|docker|dockerhub|doppler|dropbox|droneci|drone|\
     dynatrace|easypost|elastic|elevenlabs|etsy|expo|facebook|fastly|fb|figma|finicity|finnhub|firebase|flickr|flutterwave|fly|frameio|freemius|\
     freshbooks|freshdesk|gcp|geocodio|giphy|github|gitlab|gitter|gocardless|google|grafana|groq|heroku|honeycomb|hubspot|huggingface|infracost|\
     instagram|intercom|ipinfo|ipstack|jenkins|jfrog|jira|kaggle|keen|klarna|kraken|kucoin|langchain|langfuse|launchdarkly|linear|linkedin|lob|\
     logdna|loggly|lokalise|looker|mailchimp|mailgun|mailjet|mandrill|mapbox|mapquest|mattermost|maxmind|meraki|messagebird|microsoft|mistral|\
     mixpanel|moonpay|msteams|mux|ncp|netlify|newrelic|new-relic|new_relic|ngrok|notion|npm|nuget|nvidia|nylas|nytimes|okta|onesignal|openai|\
     openweather|opsgenie|optimizely|pagerduty|paypal|paystack|pinecone|pingdom|plaid|planetscale|polygon|postman|postmark|privateai|pulumi|\
     pusher|quandl|rapidapi|razorpay|readme|recaptcha|reddit|replicate|rollbar|salesforce|scaleway|segment|sendbird|sendgrid|sendinblue|sentry|\
     shippo|shodan|shopify|shutterstock|sidekiq|slack|snowflake|snyk|sonar|sonarqube|sonarcloud|splunk|spotify|square|squareup|squarespace|\
     stability|stripe|sumo|sumologic|supabase|telegram|telegr|tencent|terraform|tiingo|todoist|together|travis|trello|twilio|twitch|twitter|\
     typeform|unsplash|uploadcare|vault|vercel|virustotal|vonage|weatherstack|webex|wistia|wolfram|yandex|yelp|youtube|zapier|zendesk|zoho|zoom";

/// Words of the names of variables that hold secrets of any service.
pub(super) const GENERIC: &str = "creds|_auth|auth_|token|secret|api_key|apikey|api-key|api key|access_key|accesskey|access-key|auth_key|authkey|client_secret|private_key|password|passwd|passphrase|credential|encryption_key|signing_key|master_key|service_key|license_key|security_key|webhook_key|key_secret|app_key|account_key|storage_key";

/// Headers and options whose next word is a secret.
pub(super) const CARRIERS: &str = "bearer |basic |authorization: |authorization:|authorization=|authorization\": \"|authorization', '|x-api-key: |x-api-key:|x-auth-token: |api-key: |private-token: |x-vault-token: |apikey: |curl -u |--user | -u |flyv1 |token token=";
