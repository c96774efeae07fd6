//! Words that say what stands beside them: "passport", "Konto", "call me at". Answers whether one of a class stands near
//! a place; decides nothing by itself.

use std::ops::Range;

/// A set of word classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Class(u32);

impl Class {
    pub(crate) const PHONE: Class = Class(1);
    pub(crate) const CARD: Class = Class(1 << 1);
    pub(crate) const SSN: Class = Class(1 << 2);
    pub(crate) const BANK: Class = Class(1 << 3);
    pub(crate) const ROUTING: Class = Class(1 << 4);
    /// Passports, licences, tax, health and voter numbers: every number that a public body gives.
    pub(crate) const IDENTITY: Class = Class(1 << 5);
    pub(crate) const VEHICLE: Class = Class(1 << 6);
    pub(crate) const ADDRESS: Class = Class(1 << 7);
    pub(crate) const WALLET: Class = Class(1 << 8);
    pub(crate) const VERSION: Class = Class(1 << 9);
    /// Order, tracking, invoice: numbers that are not personal.
    pub(crate) const REFERENCE: Class = Class(1 << 10);
    /// What a name follows: "my name is", "Dear", "Mrs".
    pub(crate) const NAMING: Class = Class(1 << 11);
    pub(crate) const STREET: Class = Class(1 << 12);
    pub(crate) const USERNAME: Class = Class(1 << 13);
    pub(crate) const PASSWORD: Class = Class(1 << 14);
    /// The `at` of an address that is spelled out.
    pub(crate) const SPELLED_AT: Class = Class(1 << 15);
    pub(crate) const EMAIL: Class = Class(1 << 16);
    /// What a place follows: "lives in", "moved to".
    pub(crate) const PLACE: Class = Class(1 << 17);
    pub(crate) const POST_BOX: Class = Class(1 << 18);
    /// What two unknown capitalized words follow if they are a name: "customer", "signed by".
    pub(crate) const ROLE: Class = Class(1 << 19);
    /// Talk of journeys, in which a town is nobody's home.
    pub(crate) const TRAVEL: Class = Class(1 << 20);
    /// What the number of a flat follows.
    pub(crate) const UNIT: Class = Class(1 << 21);

    pub(crate) const fn or(self, other: Class) -> Class {
        Class(self.0 | other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn meets(self, other: Class) -> bool {
        self.0 & other.0 != 0
    }
}

/// Words of each class, parted by `|`, in lower case. A word ends where its letters end, a plural `s` aside.
const WORDS: &[(Class, &str)] = &[
    (
        Class::PHONE,
        "phone|telephone|tel|mobile|cell|cellphone|cellular|fax|call|calling|dial|ring|sms|text me|text us|whatsapp|telegram|signal|hotline|\
         landline|contact|reach me|reach us|reach him|reach her|reach them|phone number|pager|voicemail|extension|\
         telefon|telefonnummer|handy|handynummer|mobil|mobilnummer|rufnummer|festnetz|anrufen|ruf|\
         téléphone|portable|appelez|appeler|numéro de téléphone|teléfono|telefono|móvil|celular|llámame|llamar|\
         cellulare|chiamare|chiamami|recapito|telefone|telemóvel|celular|ligar|ligue|telefoon|mobiel|bel me|\
         komórka|zadzwoń|numer telefonu|puhelin|puhelinnumero|puh|kännykkä|mobiltelefon|ring mig|cep|cep no|cep telefonu|telefonu|gsm|\
         電話|전화|휴대폰|手机|电话|телефон|Телефон|тел|Тел|номер телефона|τηλέφωνο|κινητό|טלפון|נייד|هاتف|جوال|điện thoại|số điện thoại|telepon|nomor hp|hp|no hp|โทร|เบอร์โทร|telefón|mobilní|telefonszám|mobilszám|số|tálknúmer|sími|farsími|telefonas|tālrunis|telefoninumber|broj telefona|мобилен|mob|ph|tel no|phone no|contact no|mobile no|\
         mobil nr|tlf|tlf.|tel.|ring me|ring him|ring her|give me a ring|my number|my number is|his number|her number|callback|call back|call us|call him|call her|call them|call on|text him|text her|reached at|reach at|reachable at|viber|imessage|facetime|मोबाइल",
    ),
    (
        Class::CARD,
        "card|credit card|debit card|cc|visa|mastercard|amex|american express|discover|maestro|jcb|diners|unionpay|pan|card number|cardnumber|\
         kreditkarte|kartennummer|karte|carte|carte bancaire|carte de crédit|tarjeta|carta di credito|carta|cartão|creditcard|kaart|karta|kortti|kort|kart|kredi kartı",
    ),
    (
        Class::SSN,
        "ssn|ssns|social security|social security number|social sec|social insurance|socialsecurity|soc sec|ss#|tin|itin|tax id|taxpayer",
    ),
    (
        Class::BANK,
        "account number|account no|account num|account #|acct|acct number|acct no|bank account|checking account|savings account|\
         accountnumber|account|bank|checking|savings|wire|deposit|direct deposit|debit my|konto|kontonummer|kontonr|bankverbindung|\
         compte|numéro de compte|rib|cuenta|cuenta bancaria|número de cuenta|clabe|conto|numero di conto|conta|conta corrente|agência|\
         rekening|rekeningnummer|konto bankowe|numer konta|nrb|tilinumero|kontonummer|bankgiro|plusgiro|bsb|sort code|sort-code|sortcode|\
         ifsc|hesap|hesap numarası|account_number|a/c",
    ),
    (
        Class::ROUTING,
        "routing|routing number|aba|rtn|transit|transit number|fedwire|ach|bankleitzahl|blz|bsb|sort code|sortcode|ifsc",
    ),
    (
        Class::IDENTITY,
        "passport|passport number|passport no|passports|travel document|national id|national identity|identity card|id card|id number|identification|\
         identity number|government id|personal id|personal number|personal identity|personal identity code|citizen|resident|residence permit|\
         driver license|driver's license|drivers license|driver licence|driving licence|driver's licence|driving license|licence number|license number|\
         license|licence|dl|dln|dmv|tax|tax number|tax file|taxpayer|tfn|abn|acn|vat|vat number|ein|itin|medicare|medicaid|mbi|npi|nhs|nhs number|\
         nino|national insurance|insurance number|ni number|utr|health card|health insurance|patient|member id|beneficiary|dea|medical record|mrn|\
         voter|voter id|epic|aadhaar|aadhar|uidai|pan|pan card|pan number|gstin|gst|nric|fin|uen|sin|social insurance|\
         ausweis|ausweisnummer|ausweis-nr|personalausweis|reisepass|pass-nr|passnummer|pass-nummer|passport-nr|führerschein|führerscheinnummer|\
         steuer|steuer-id|steuernummer|steueridentifikationsnummer|steuerid|idnr|ust-id|ust-idnr|umsatzsteuer|sozialversicherungsnummer|\
         rentenversicherungsnummer|sv-nummer|rvnr|versichertennummer|krankenkasse|krankenversicherung|kvnr|bsnr|lanr|arztnummer|betriebsstätte|\
         betriebsstättennummer|handelsregister|amtsgericht|registergericht|hrb|hra|\
         nir|insee|sécurité sociale|numéro de sécurité sociale|carte vitale|carte d'identité|cni|passeport|permis de conduire|siren|siret|\
         dni|nif|nie|cif|documento|documento de identidad|cédula|cedula|pasaporte|seguridad social|extranjero|curp|cuit|cuil|rut|\
         codice fiscale|carta d'identità|carta di identità|passaporto|patente|partita iva|p.iva|tessera sanitaria|\
         cpf|cnpj|cadastro|rg|identidade|passaporte|cnh|pis|\
         bsn|burgerservicenummer|sofinummer|paspoort|rijbewijs|btw|rijksregisternummer|\
         pesel|nip|regon|dowód|dowód osobisty|numer dowodu|paszport|prawo jazdy|\
         personnummer|samordningsnummer|organisationsnummer|orgnr|pnr|cpr|fødselsnummer|kennitala|\
         hetu|henkilötunnus|henkilötunnukseni|y-tunnus|passi|ajokortti|\
         rrn|resident registration|주민등록번호|주민번호|여권|여권번호|운전면허|사업자등록번호|외국인등록번호|brn|frn|\
         tckn|tc kimlik|kimlik|kimlik no|kimlik numarası|pasaport|ehliyet|vergi no|\
         tnin|thai id|เลขประจำตัวประชาชน|เลขบัตรประชาชน|บัตรประชาชน|\
         id no|sa id|south african id|refugee id|nin|bvn|oib|jmbg|egn|cnp|umcn|ahv|avs|rodné číslo|personal code|asmens kodas|isikukood|\
         паспорт|Паспорт|инн|ИНН|снилс|СНИЛС|РНОКПП|ІПН|ЕГН|ЕМБГ|ЈМБГ|ΑΦΜ|ΑΜΚΑ|αφμ|αμκα|身份证|身份證|身分證|居民身份证|护照|護照|旅券番号|運転免許|個人番号|マイナンバー|my number|hkid|ktp|nik|mykad|philhealth|sss|umid|emirates id|iqama|teudat zehut|ת.ז|תעודת זהות|הוית|رقم الهوية|\
         steuerliche identifikationsnummer|identifikationsnummer|taxpayer reference|tax reference|vat registration|vat registration no|krankenversichertennummer|reisepassnummer|personalausweisnummer|umsatzsteuer-id|btw-nummer|btw-id|c.c.|assurance sociale|numéro d'assurance sociale|florida dl|ny license|self assessment|national identification|numéro fiscal|identifiant fiscal|spi|numéro national|organisasjonsnummer|org.nr|cvr|cvr-nummer|personas kods|ird|ird number|nhi|\
         contribuinte|cartão de cidadão|pps|ppsn|pps number|afm|amka|adószám|Adószám|taj|taj szám|személyi igazolvány|emšo|EMŠO|emso|davčna številka|ičo|IČO|dič|DIČ|RČ|rodné číslo|cod numeric personal|\
         nit|ruc|rif|rne|cédula de ciudadanía|dui|cui|nuip|matrícula de extranjero|cccd|cmnd|căn cước|căn cước công dân|cnic|nic|nid|nid number|bvn|kra pin|tin number|israeli id|kenyan id|taiwan id|hong kong id|gov id|\
         svnr|ahvn13|numéro avs|sozialversicherung|carte nationale|permis|immigration number|alien number|uscis|green card|visa number|national insurance no|employee id|student id|policy number|\
         insurance policy|health id|abha|uan|esic|din|llpin|rijbewijsnummer|körkort|førerkort|kørekort|rekisteröintinumero|ehliyet no|ic number|mykad no|nric no",
    ),
    (
        Class::VEHICLE,
        "license plate|licence plate|number plate|plate|plates|plate number|registration|registration number|vehicle|vehicle registration|reg number|car|vin|\
         vehicle identification number|chassis number|fahrgestellnummer|telaio|kennzeichen|kfz|kfz-kennzeichen|nummernschild|immatriculation|plaque|matrícula|placa|targa|kenteken|tablica rejestracyjna|\
         rejestracyjny|rekisterinumero|registreringsnummer|plaka|plaka numarası|차량번호|rc number",
    ),
    (
        Class::ADDRESS,
        "address|addresses|street|postcode|post code|postal code|zip|zip code|zipcode|ship to|shipping to|deliver to|delivery to|lives at|live at|living at|\
         located at|reside at|resides at|residing at|office is at|mail to|send to|billing|adresse|anschrift|plz|postleitzahl|wohnt in|wohnhaft|code postal|dirección|\
         código postal|indirizzo|cap|endereço|cep|adres|postinumero|osoite|adress|postnummer|kod pocztowy|posta kodu",
    ),
    (
        Class::WALLET,
        "wallet|btc|bitcoin|eth|ethereum|ether|ltc|litecoin|doge|dogecoin|xrp|ripple|sol|solana|tron|trx|usdt|usdc|tether|xmr|monero|ada|cardano|\
         crypto|cryptocurrency|satoshi|blockchain|metamask|coinbase|binance|zcash|stellar|xlm|polkadot",
    ),
    (
        Class::VERSION,
        "version|versions|ver|v|release|releases|firmware|build|upgrade|upgraded|downgrade|patch|patched|driver|kernel|update to|updated to|\
         upgrade from|upgrade to|updating from|fixed in|fixes|fix in|since|package|changelog|sdk|semver|bios|software|rev|revision|tag|chrome|firefox|safari|edge|assembly|nuget|dll|section|chapter|clause|oid|snmp",
    ),
    (
        Class::REFERENCE,
        "order|orders|order id|order number|order no|order #|invoice|invoices|invoice number|reference|ref|ref no|tracking|tracking number|tracking id|shipment|parcel|\
         ticket|case|case number|sku|isbn|issn|ean|upc|gtin|asin|barcode|part number|part no|serial|serial number|batch|lot|model number|item|product|product id|po|\
         purchase order|transaction|transaction id|txn|request id|trace|trace id|span|build number|commit|checksum|hash|sha|uuid|guid|timestamp|epoch|created|updated|seq|sequence|offset|flight|\
         confirmation|booking|reservation|quote|quantity|qty|total|amount|price|bestellung|bestellnummer|rechnung|rechnungsnummer|commande|facture|pedido|factura|ordine|fattura|zamówienie|faktura|tilaus|sipariş|fatura|doi|pmid|arxiv|issue|bug|port|pid|bytes|latency|duration|size|width|height|imei|meid|iccid|job|run id|order_id|error code|status code",
    ),
    (
        Class::NAMING,
        "soy|je suis|eu sou|sou o|sou a|jestem|jag är|jeg er|olen|ez vagyok|my name is|my name's|name is|i am|i'm|this is|named|call me|mr|mrs|ms|miss|mx|dr|prof|professor|sir|madam|dear|hi|hello|hey|thanks|thank you|cheers|\
         regards|best regards|kind regards|warm regards|sincerely|yours truly|signed by|on behalf of|behalf of|best|cheers|yours|patient|spoke with|spoke to|speak with|sync with|meet with|met with|talk to|\
         meeting with|interview with|reported by|approved by|assigned to|written by|directed by|account holder|cardholder|in the name of|under the name|full name|customer name|passenger|your name?|partner's name|husband's name|wife's name|his name is|her name is|your name is|thanks to|named him|named her|yours faithfully|faithfully|signed|name him|name her|maiden name is|maiden name|née|nickname is|goes by|known as|aka|nicknamed|it's|directed by|captain|capt|sergeant|sgt|lieutenant|lt|colonel|judge|senator|reverend|rev|pastor|father|sister|uncle|aunt|coach|mr and mrs|\
         herr|herrn|frau|ich heiße|mein name ist|liebe|lieber|hallo|monsieur|madame|mademoiselle|mme|je m'appelle|bonjour|cher|chère|señor|señora|sr|sra|don|doña|\
         me llamo|mi nombre es|hola|estimado|estimada|querido|querida|gracias|signor|signora|sig|dott|mi chiamo|ciao|gentile|caro|cara|grazie|senhor|senhora|\
         meu nome é|chamo-me|olá|prezado|prezada|obrigado|obrigada|meneer|mevrouw|mijn naam is|beste|geachte|nazywam się|cześć|jag heter|hej|nimeni on|benim adım|adım|merhaba|sayın",
    ),
    (
        Class::STREET,
        "street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|way|terrace|ter|square|sq|highway|hwy|parkway|pkwy|circle|cir|crescent|\
         close|grove|gardens|garden|mews|row|walk|hill|park|knoll|knolls|mount|view|views|gate|green|heights|manor|mill|mills|meadow|meadows|orchard|path|pike|plaza|point|\
         ridge|rise|run|shore|shores|spring|springs|station|summit|trail|turnpike|union|valley|village|villages|vista|wells|alley|annex|bayou|beach|bend|bluff|branch|bridge|\
         brook|brooks|burg|bypass|canyon|cape|causeway|cliff|club|common|corner|cove|creek|crest|crossing|crossroad|curve|dale|dam|divide|estate|estates|expressway|extension|\
         falls|ferry|field|fields|flats|ford|forest|forge|fork|forks|fort|freeway|gateway|glen|glens|harbor|haven|hollow|inlet|island|isle|junction|key|keys|lake|lakes|landing|\
         light|loaf|lock|locks|lodge|loop|mall|mission|motorway|mountain|neck|oval|overpass|parkways|passage|pine|pines|plain|plains|port|ports|prairie|radial|ramp|ranch|rapid|rest|river|\
         route|rue|shoal|skyway|spur|stravenue|stream|throughway|trace|track|trafficway|tunnel|underpass|viaduct|ville|wall|well|roads|streets|lanes",
    ),
    (
        Class::POST_BOX,
        "po box|p.o. box|p o box|post office box|postfach|apartado|boîte postale|casella postale|psc|fpo|apo|dpo|unit",
    ),
    (
        Class::USERNAME,
        "username|user name|userid|user id|user|login|login name|log in as|sign in as|account name|screen name|nickname|handle|as user|for user|whoami|invalid user|session opened for user|su -|sudo -u|sudo:|publickey for|accepted password for|failed password for|password for|login for|login attempt for|authentication failure for|to root)|of user|from user|chown|disable the account|lock the account|unlock the account|reset the account|user account|account name:|actor|caller|logged-in user|logged in as|signed in as|running as|authenticated as|connected as|authenticated user|denied to|subject account name:|eap identity|login failed:|logon failed:|login failure:|authentication failed for|auth failed for|changed for|changing password for|reset password for|reset the password for|reset the password of|unlock account|create user|alter user|drop user|create role|alter role|drop role|blocked for|lockout for|attempts for|failures for|failure for|login ok|login incorrect|display_name|benutzername|benutzer|nombre de usuario|usuario|nom d'utilisateur|utilisateur|identifiant|nome utente|utente|gebruikersnaam|käyttäjätunnus|användarnamn|kullanıcı adı",
    ),
    (
        Class::PASSWORD,
        "password|passwords|password for|passwd|pw|parolă|passcode|passphrase|pwd|pass|pin|pin code|secret|secret key|api key|apikey|api token|access token|access key|auth token|token|credential|credentials|license key|private key|otp|identified by|psk|pre-shared key|one-time code|one time code|one-time password|verification code|security code|login code|access code|auth code|2fa code|temp password|creds|heslo|jelszó|lozinka|passwort|kennwort|mot de passe|contraseña|senha|wachtwoord|hasło|lösenord|salasana|şifre|parola",
    ),
    (
        Class::SPELLED_AT,
        "at|(at)|[at]|{at}|<at>|(a)|[a]|_at_|-at-|(@)|[@]|*at*|/at/|ät|arroba|at-sign|at sign|snabel-a|apenstaartje|malpa|małpa|chiocciola|arobase|klammeraffe",
    ),
    (
        Class::EMAIL,
        "email|e-mail|mail|email me|mail me|write|write to|write me|contact|reach|reach me|reach out|address|drop me|ping|send|correo|courriel|posta",
    ),
    (
        Class::PLACE,
        "live in|lives in|living in|lived in|live near|lives near|live just outside|reside in|resides in|residing in|moved to|moving to|moved here from|moved from|relocated to|relocating to|relocate to|come from|comes from|came from|originally from|i'm from|i am from|he is from|she is from|he's from|she's from|calling from|writing from|calling you from|born in|born and raised in|raised in|based in|based out of|\
         resident of|residents of|native of|citizen of|located in|headquartered in|city of|town of|village of|county of|province of|home city|home town|hometown|hometown of|home city of|grew up in|grow up in|growing up in|retired to|settled in|stationed in|buried in|died in|raised near|studied in|married in|lives with his family in|place of birth|birthplace|home in|house in|lives alone in|together in|wife is from|husband is from|mother is from|father is from|family is from|parents are from|apartment in|flat in|parents in|family in|postmarked|\
         wohne in|wohnt in|wohnhaft in|lebe in|lebt in|komme aus|kommt aus|geboren in|stamme aus|stammt aus|habite à|j'habite à|habitons à|habite en|vit à|vis à|née à|né à|vivo en|vive en|vivimos en|nací en|nació en|soy de|es de|abito a|abita a|vivo a|vive a|nato a|nata a|sono di|moro em|mora em|vivo em|nasci em|woon in|woont in|geboren te|kom uit|mieszkam w|mieszka w|bor i|bodde i|født i|född i|kommer från|kommer fra|asun|asuu|bydlím v|bydlí v|lakom u|živim u|lakik",
    ),
    (
        Class::ROLE,
        "policyholder|policy holder|insured|claimant|next of kin|attending|payee|supervisor|customer|client|candidate|tenant|landlord|employee|colleague|coworker|manager|contact|guardian|partner|wife|husband|spouse|brother|sister|son|daughter|friend|neighbor|neighbour|doctor|nurse|attorney|lawyer|plaintiff|defendant|witness|passenger|guest|applicant|recipient|beneficiary|student|teacher|member|author|\
         editor|artist|singer|actor|actress|writer|designer|developer|engineer|coach|player|attendee|attendees|attn|attention|c/o|signed by|witnessed by|written by|reviewed by|submitted by|created by|managed by|led by|founded by|recorded by|performed by|produced by|hosted by|presented by|prepared by|starring|featuring|requested by|opened by|owned by|taught by|played by|composed by|painted by|filed by|seen by|translated by|illustrated by|edited by|letter from|letter for|package for|parcel for|message from|message for|call from|heard from|according to|married to|engaged to|related to|\
         add|invite|invited|notify|remind|tell|told|ask|asked|email|emailed|cc|bcc|met|meet|hired|interviewed|interview|promoted|contacted|contacting|fn:|author:|organizer:|reporter:|assignee:",
    ),
    (
        Class::TRAVEL,
        "flight|flights|airport|airline|airlines|hotel|hotels|itinerary|layover|one-way|round-trip|round trip|weather|forecast|temperature|restaurant|restaurants|tour|timezone|time zone|departure|departing|trip|trips|segment|travel|travels|booking|reservation|destination|arrival|capital of|fly|flying|cabin|economy|sightseeing|museum|museums|tourist|route",
    ),
    (Class::UNIT, "apt|apt.|suite|apartment"),
];

/// Every word with its class, in lower case. Some words are of several classes.
pub(crate) fn words() -> impl Iterator<Item = (Class, &'static str)> {
    WORDS.iter().flat_map(|(class, list)| list.split('|').map(|word| (*class, word)))
}

/// A word of some class, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mention {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: Class,
}

/// All words of a text that say something, in order, none inside of another.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    all: Vec<Mention>,
    /// Every class that occurs: most texts hold no word of most classes.
    classes: Class,
}

/// How far, in bytes, a word says something of what follows it.
const REACH_BEFORE: usize = 56;
/// How far it says something of what precedes it.
const REACH_AFTER: usize = 18;

impl Mentions {
    /// None yet, with room for those of a text of `length` bytes.
    pub(crate) fn for_length(length: usize) -> Self {
        Self { all: Vec::with_capacity(length / 32 + 4), classes: Class::default() }
    }

    /// Adds the word at `word` of a text of `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8], word: Range<usize>, class: Class) {
        self.classes = self.classes.or(class);
        let end = word.end + usize::from(is_plural(bytes, word.end));
        self.all.push(Mention { start: word.start, end, class });
    }

    /// Where the last word ends.
    pub(crate) fn end(&self) -> usize {
        self.all.last().map_or(0, |mention| mention.end)
    }

    /// Takes note of the classes of `others`, which stand elsewhere in the text.
    pub(crate) fn note_classes(&mut self, others: &Mentions) {
        self.classes = self.classes.or(others.classes);
    }

    /// Whether a word of `class` stands anywhere.
    pub(crate) fn any(&self, class: Class) -> bool {
        self.classes.meets(class)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The word number `number`, from zero.
    pub(crate) fn get(&self, number: usize) -> Mention {
        self.all[number]
    }

    /// Whether a word of `class` stands shortly before or just after `range`.
    pub(crate) fn near(&self, class: Class, range: &Range<usize>) -> bool {
        self.any(class)
            && (self.before(class, range.start, REACH_BEFORE).is_some() || self.after(class, range.end, REACH_AFTER))
    }

    /// The last word of `class` that ends at most `reach` bytes before `at`.
    pub(crate) fn before(&self, class: Class, at: usize, reach: usize) -> Option<Mention> {
        if !self.any(class) {
            return None;
        }
        let upto = self.all.partition_point(|m| m.end <= at);
        let close = self.all[..upto].iter().rev().take_while(|m| m.end + reach >= at);
        close.copied().find(|m| m.class.meets(class))
    }

    fn after(&self, class: Class, at: usize, reach: usize) -> bool {
        if !self.any(class) {
            return false;
        }
        let from = self.all.partition_point(|m| m.start < at);
        let close = self.all[from..].iter().take_while(|m| m.start <= at + reach);
        close.into_iter().any(|m| m.class.meets(class))
    }
}

impl Mention {
    /// Whether `start..end` is a word of its own or a part of `snake_case` or `camelCase`.
    pub(crate) fn is_word(bytes: &[u8], start: usize, end: usize) -> bool {
        let first = bytes[start];
        if !first.is_ascii_alphabetic() {
            return true;
        }
        let opens = match start.checked_sub(1).map(|i| bytes[i]) {
            Some(before) if before.is_ascii_alphabetic() => before.is_ascii_lowercase() && first.is_ascii_uppercase(),
            Some(before) => before < 0x80,
            None => true,
        };
        let last = bytes[end - 1];
        let closes = |next: Option<&u8>| match next {
            Some(next) if next.is_ascii_alphabetic() => last.is_ascii_lowercase() && next.is_ascii_uppercase(),
            Some(next) => *next < 0x80 || !last.is_ascii_alphabetic() || *next >= 0xe0,
            None => true,
        };
        opens && (closes(bytes.get(end)) || (bytes.get(end) == Some(&b's') && closes(bytes.get(end + 1))))
    }
}

fn is_plural(bytes: &[u8], end: usize) -> bool {
    bytes.get(end) == Some(&b's') && !bytes.get(end + 1).is_some_and(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::triggers::Signs;

    fn check(text: &str, class: Class, expect: bool) {
        let at = text.find('#').unwrap();
        assert_eq!(Signs::of(text, &[]).mentions.near(class, &(at..at + 1)), expect, "{text:?}");
    }

    #[test]
    fn words_count_only_as_whole_words_and_nearby() {
        check("my phone: #", Class::PHONE, true);
        check("customer_phone=#", Class::PHONE, true);
        check("customerPhone=#", Class::PHONE, true);
        check("phones #", Class::PHONE, true);
        check("hotel #", Class::PHONE, false);
        check("# is my passport", Class::IDENTITY, true);
        check("여권번호는 #", Class::IDENTITY, true);
        check(&format!("phone {} #", "x".repeat(80)), Class::PHONE, false);
    }
}
