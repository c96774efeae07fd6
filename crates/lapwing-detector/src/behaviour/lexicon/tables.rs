//! The words themselves: verbs by what they do, and words by the part they play around an order.
//!
//! General language only: nothing here knows a tool, a product or a data set. English is the widest; the verbs
//! and courtesies of other languages stand here because they are cheap, and because structure, not wording,
//! carries most of the weight where a word is missing.

use super::{Acts, Role};

const READ: Acts = Acts::READ;
const SEND: Acts = Acts::SEND;
const PAY: Acts = Acts::PAY;
const CREATE: Acts = Acts::CREATE;
const UPDATE: Acts = Acts::UPDATE;
const DELETE: Acts = Acts::DELETE;
const RUN: Acts = Acts::RUN;
const GRANT: Acts = Acts::GRANT;
const VISIT: Acts = Acts::VISIT;

/// English verbs in their base form, by the classes they belong to.
pub(super) const VERBS: &[(Acts, &str)] = &[
    (
        READ,
        "access analyze calculate check collect compare consult count describe display estimate examine extract \
         filter find gather get identify inspect list load look lookup monitor preview pull query read recall \
         retrieve scan search show sort summarize track translate validate verify view",
    ),
    (
        SEND,
        "alert announce answer broadcast contact convey deliver dial disclose dispatch divulge dm dump email \
         exfiltrate expose fax forward hand inform leak mail mention message notify pass ping provide quote react \
         recommend relay remind reply report respond reveal say spread suggest supply surrender sync tell text \
         transmit tweet warn",
    ),
    (
        PAY,
        "bid buy charge checkout deposit donate invest pay purchase redeem refund remit sell settle sponsor tip topup \
         trade wager withdraw",
    ),
    (
        CREATE,
        "apply build compose create draft enroll enter fill fork generate include insert log note plan record \
         register save sign store",
    ),
    (
        UPDATE,
        "adapt adjust alter amend change complete configure convert correct edit encrypt extend fix format label lock \
         migrate modify move mute override overwrite patch pin rename replace reschedule reset rewrite star \
         switch tag transform turn update",
    ),
    (
        DELETE,
        "abort annul ban cancel clear delete destroy discard dismiss drop eject erase evict expel forget kick kill \
         purge remove revert shred shutdown suspend terminate uninstall unpin unsubscribe wipe",
    ),
    (RUN, "boot compile deploy execute install invoke launch perform play reboot restart run start trigger use"),
    (
        GRANT,
        "accept activate admit allow appoint approve authorize confirm elevate endorse grant hire join permit promote \
         recruit trust unblock unlock vote vouch whitelist",
    ),
    (VISIT, "click go navigate surf"),
    (READ.union(SEND), "export print"),
    (READ.union(CREATE), "clone review"),
    (READ.union(VISIT), "browse download fetch open visit"),
    (SEND.union(PAY), "return send transfer wire"),
    (SEND.union(CREATE), "attach comment copy post publish request submit upload write"),
    (SEND.union(UPDATE), "push redirect"),
    (SEND.union(RUN), "call"),
    (SEND.union(GRANT), "give invite release share"),
    (SEND.union(PAY).union(CREATE), "issue"),
    (PAY.union(CREATE), "book make order place reserve schedule subscribe"),
    (CREATE.union(UPDATE), "append commit put rate set"),
    (CREATE.union(GRANT), "add"),
    (UPDATE.union(PAY), "upgrade"),
    (UPDATE.union(GRANT), "assign enable merge"),
    (DELETE.union(UPDATE), "archive block close deactivate disable reject revoke"),
    (DELETE.union(RUN), "stop"),
    (VISIT.union(GRANT), "follow"),
];

/// Words that belong to a verb without looking like it.
pub(super) const RELATED: &[(Acts, &str)] = &[
    (SEND, "sent told given gave said written wrote reply replied transmission"),
    (PAY, "paid payment payments transaction transactions bought transferred purchase refund"),
    (PAY.union(CREATE), "booking bookings reservation reservations"),
    (DELETE, "deletion removal cancellation"),
    (CREATE, "creation registration made"),
];

/// Imperatives and infinitives of other languages: German, French, Spanish, Italian, Portuguese, Dutch.
pub(super) const FOREIGN_VERBS: &[(Acts, &str)] = &[
    (
        READ,
        "lies lese suche suchen finde finden hole zeige prüfe lesen lis lire cherche cherchez chercher trouve trouvez \
         récupère récupérez consulte consultez leer busca buscar encuentra obtén obtener consulta leggi leggere \
         cerca trova ottieni leia procure encontre obtenha lees zoek haal",
    ),
    (
        SEND.union(PAY),
        "sende senden schicke schick schicken überweise überweisen envoie envoyez envoyer transfère transférez \
         transférer envía enviar envíe transfiere transferir invia inviare invii trasferisci envie envia transfira \
         stuur verstuur sturen maak-over",
    ),
    (
        SEND,
        "leite weiterleiten teile mitteilen antworte antworten benachrichtige melde veröffentliche écris écrivez \
         réponds répondez publie publiez partage partagez manda mandar mande escribe escriba reenvía responde publica \
         comparte scrivi rispondi pubblica condividi inoltra inoltrare escreva encaminhe encaminhar responda publique \
         compartilhe antwoord deel schrijf",
    ),
    (
        PAY,
        "zahle bezahle bezahlen zahlen kaufe kaufen buche buchen reserviere reservieren paie payez payer achète \
         achetez acheter réservez réserve réserver paga pagar compra comprar reserva reservar acquista comprare \
         prenota prenotare pague compre reserve betaal koop boek reserveer",
    ),
    (
        CREATE,
        "erstelle erstellen lege trage füge schreibe anlegen crée créez créer ajoute ajoutez ajouter crea crear \
         agrega añade añadir inserta creare aggiungi aggiungere crie criar adicione maak voeg",
    ),
    (
        UPDATE,
        "ändere ändern aktualisiere aktualisieren setze ersetze bearbeite modifie modifiez modifier changez changer \
         remplace remplacez cambia cambiar actualiza actualizar modifica modificar reemplaza aggiorna modificare \
         cambiare altere alterar atualize mude wijzig verander",
    ),
    (
        DELETE,
        "lösche löschen entferne entfernen storniere kündige supprime supprimez supprimer efface effacez annule \
         annulez elimina eliminar borra borrar cancela cancelar elimini eliminare cancella cancellare exclua excluir \
         apague remova verwijder wis",
    ),
    (RUN, "führe ausführen starte starten exécute exécutez lancez ejecuta ejecutar esegui execute voer"),
    (
        GRANT.union(SEND),
        "lade einladen gib erlaube genehmige invitez invite autorise autorisez invita invitar autoriza invitare \
         autorizza convide autorize nodig",
    ),
    (VISIT.union(READ), "besuche besuchen öffne öffnen rufe visitez ouvre ouvrez visita visitar abre apri abra bezoek"),
];

/// Imperatives of scripts that write no spaces, found anywhere in a run.
pub(super) const UNSPACED_VERBS: &[(Acts, &[&str])] = &[
    (SEND, &["发送", "转发", "寄送", "告诉", "發送", "送信", "送って", "転送", "보내", "전송"]),
    (PAY, &["转账", "支付", "汇款", "付款", "購入", "購買", "振り込", "支払", "송금", "결제"]),
    (CREATE, &["创建", "添加", "預訂", "预订", "作成", "追加", "予約", "생성", "추가", "예약"]),
    (UPDATE, &["更改", "修改", "更新", "变更", "変更", "변경", "수정"]),
    (DELETE, &["删除", "刪除", "移除", "取消", "削除", "삭제", "제거"]),
    (VISIT, &["访问", "打开", "訪問", "アクセス", "開いて", "방문", "열어"]),
    (GRANT, &["邀请", "授权", "招待", "許可", "초대", "승인"]),
    (RUN, &["执行", "运行", "実行", "실행"]),
];

/// Words by the part they play.
pub(super) const ROLES: &[(Role, &str)] = &[
    // May stand before the verb of an order.
    (
        Role::LEADS,
        "please then and also now first next finally kindly todo task action instruction instructions important \
         urgent note system immediately just to should must shall always instead afterwards again ai assistant agent \
         admin will only secondly lastly directly or ps p.s hi hey hello reminder notice reply everyone dear all \
         bitte zuerst dann sofort und wichtig por favor vous plaît puis urgente importante poi prima \
         alsjeblieft eerst",
    ),
    // Make what follows them an order: `you must`, `make sure to`, `need to`.
    (
        Role::DEMANDS,
        "must should please shall kindly todo need needs have required sure want remember ought let needed necessary \
         supposed bitte musst müssen sollst sollen muss veuillez devez dois doit debe debes tiene devi deve deves moet",
    ),
    // Imperatives that say nothing of what is to be done, but after which another may come.
    (
        Role::OPENS,
        "ignore disregard bypass override skip abandon pause proceed continue try help begin feel ignoriere vergiss \
         ignorez oubliez ignora olvida ignori negeer",
    ),
    // Turn `you` into a request.
    (Role::MODAL, "can could would will may might if until unless"),
    (Role::READER, "you"),
    (Role::LINKS, "to and then und dann et puis y luego e poi en"),
    // Go on with what the sentence before ordered.
    (Role::CONTINUES, "the it its use with this that if then and my our"),
    // Speak to a machine reader and not to a person.
    (
        Role::MACHINE,
        "ai assistant agent llm chatbot bot gpt chatgpt model claude gemini llama copilot mistral qwen deepseek grok \
         agents assistants ki assistent ia asistente assistente modell modèle modelo",
    ),
    (Role::PERSON, "you your du sie dein ihre vous votre tu usted su lei tuo você"),
    // Set a text above the task at hand.
    (
        Role::OVERRIDES,
        "ignore disregard override bypass forget previous prior instructions instruction before instead first \
         important urgent immediately attention todo mandatory required prompt silently secretly without task original \
         system message following command critical priority must ignoriere vergiss vorherige anweisungen zuerst \
         wichtig dringend sofort ignorez instructions précédentes avant important ignora instrucciones anteriores \
         antes importante urgente istruzioni precedenti prima instruções",
    ),
    // Hand the choice of action from the user to a text: `do the tasks on my list`, `update it accordingly`.
    (
        Role::DELEGATES,
        "todo todos to-do to-dos tasks instructions steps actions accordingly guidelines checklist specified \
         instructed requested aufgaben anweisungen schritte entsprechend instructions tâches étapes tareas \
         instrucciones pasos istruzioni passi tarefas instruções",
    ),
];
