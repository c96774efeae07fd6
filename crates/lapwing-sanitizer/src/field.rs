//! Names of fields: what the key in front of a value says of it. `customerPhone`, `billing-address.zip`, `SSN`.

use std::sync::LazyLock;

use crate::context::Class;
use crate::lexicon::Run;
use crate::words::WordTable;

/// What a key says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Email,
    Phone,
    Card,
    CardCode,
    Iban,
    Bank,
    Ssn,
    Identity,
    Vehicle,
    Ip,
    Wallet,
    Secret,
    Password,
    Cookie,
    Username,
    UserId,
    FirstName,
    LastName,
    FullName,
    /// `name`: a person only if the value looks like one.
    Name,
    /// `to`, `owner`, `assignee`: a person only if the value looks like one.
    Role,
    Street,
    City,
    Region,
    PostCode,
    Address,
    Birth,
    Version,
    /// Order numbers, times, sizes, hashes: never personal by themselves.
    Reference,
}

impl Field {
    /// The word class that the key stands for.
    pub(crate) fn class(self) -> Class {
        match self {
            Field::Phone => Class::PHONE,
            Field::Card | Field::CardCode => Class::CARD,
            Field::Ssn => Class::SSN.or(Class::IDENTITY),
            Field::Bank | Field::Iban => Class::BANK.or(Class::ROUTING),
            Field::Identity => Class::IDENTITY,
            Field::Vehicle => Class::VEHICLE,
            Field::Wallet => Class::WALLET,
            Field::Email => Class::EMAIL,
            Field::Username | Field::UserId => Class::USERNAME,
            Field::Street | Field::City | Field::Region | Field::PostCode | Field::Address => Class::ADDRESS,
            Field::Version => Class::VERSION,
            Field::Reference => Class::REFERENCE,
            _ => Class::default(),
        }
    }
}

/// Keys of each field, parted by spaces; without case, underscores, dashes and dots.
const KEYS: &[(Field, &str)] = &[
    (Field::Email, "email mail emailaddress useremail contactemail correo courriel replyto"),
    (
        Field::Phone,
        "phone phonenumber phoneno telephone tel mobile mobilenumber mobilephone cell cellphone fax faxnumber msisdn whatsapp homephone workphone \
         contactnumber contactphone téléphone teléfono móvil telemóvel numertelefonu numerotelefonu telefonszám telefoninumero puhelin puhelinnumero directdial directline callback telefon telefonnummer handy rufnummer telefono movil celular telefone telefoon phone1 phone2 tel1 tel2 emergencycontact",
    ),
    (
        Field::Card,
        "card cardnumber cardno creditcard creditcardnumber ccnumber ccnum cc debitcard pan kreditkarte cardnum ccn paymentcard",
    ),
    (Field::CardCode, "cvv cvc cvv2 cvc2 cardcode securitycode cardverificationvalue csc"),
    (Field::Iban, "iban ibannumber"),
    (
        Field::Bank,
        "account accountnumber accountno acctnumber acctno bankaccount bankaccountnumber accountnum routing routingnumber aba abarouting sortcode \
         bsb ifsc clabe konto kontonummer blz bankleitzahl cuenta compte rib conto conta depositaccount checkingaccount savingsaccount swift bic bankacct",
    ),
    (Field::Ssn, "ssn socialsecurity socialsecuritynumber socialsecurityno ssnumber itin tin taxpayerid"),
    (
        Field::Identity,
        "nationalid nationalidnumber nationalidentitynumber idnumber idno passport passportnumber passportno driverlicense driverslicense driverlicensenumber driverslicensenumber licensenumber \
         licencenumber drivinglicence drivinglicense dl dlnumber identitycard idcard personalnumber personnummer governmentid govid taxid taxnumber taxno vat vatid vatnumber nif nie dni cif cpf cnpj rg curp \
         rfc cuit cuil rut pesel nip regon bsn hetu henkilotunnus nino nhs nhsnumber nationalinsurance nationalinsurancenumber codicefiscale fiscalcode taxcode aadhaar aadhar pancard pannumber gstin nric fin \
         sin tfn abn acn medicare medicarenumber mbi npi ein rrn tckn tckimlik kimlikno steuerid steuernummer ustid svnummer ausweisnummer ausweis personalausweis reisepass pass socialinsurancenumber insurancenumber \
         healthinsurance healthinsurancenumber kvnr patientid mrn medicalrecordnumber voterid memberid nir insee siren siret identitynumber said zaid personalid citizenid residentid tnin thaiid \
         umsatzsteuerid btwid btwnummer ird irdnumber nit ruc rif adoszam taj tajszam emso emšo jmbg oib egn cnp ppsn pps afm amka cccd cnic nid bvn inn snils rnokpp vkn vergino cvr cvrnummer orgnr organisationsnummer ytunnus kennitala isikukood asmenskodas personaskods \
         rodnecislo iqama iqamanumber emiratesid hkid nik ktp mykad sss sssnumber umid utr epic ahv ahvnummer avs svnr rijksregisternummer nationalnumber socialinsurance documentnumber documentno iddocument iddocumentnumber passportid travelerid \
         healthcard healthcardnumber healthid nationalidno identificationnumber identification citizenship employeeid studentid policynumber insuranceid licenseno licenceno dlno medicareid nhsno alienid aliennumber visanumber",
    ),
    (
        Field::Vehicle,
        "plate licenseplate licenceplate platenumber registrationplate vehicleregistration kennzeichen matricula targa vin vinnumber chassisnumber",
    ),
    (Field::Ip, "ip ipaddress ipaddr clientip remoteaddr remoteip sourceip srcip dstip xforwardedfor xrealip"),
    (Field::Wallet, "wallet walletaddress btcaddress ethaddress cryptoaddress bitcoinaddress"),
    (
        Field::Secret,
        "secret secretkey clientsecret apikey apitoken accesstoken accesskey accesskeyid secretaccesskey awssecretaccesskey refreshtoken idtoken authtoken token bearertoken sessiontoken privatekey signingkey \
         signingsecret encryptionkey masterkey servicekey webhooksecret appsecret appkey consumersecret consumerkey authkey authorization xapikey xauthtoken deploykey sharedkey accountkey storagekey sastoken \
         credentials credential jwt jwtsecret bottoken usertoken licensekey connectionstring hmackey pat personalaccesstoken xcsrftoken csrftoken apisecret secretstring secretvalue userauth creds cryptokey dbtoken oauthtoken \
         bearer sessionkey securitytoken subscriptionkey primarykeysecret secretaccess keysecret secrettoken passkey xvaulttoken authsecret clienttoken auth salt psk presharedkey sharedsecret totpsecret otpsecret recoverycode recoverycodes backupcode backupcodes verificationtoken resettoken invitetoken accesscode",
    ),
    (
        Field::Password,
        "password passwd pwd passphrase passcode pass userpassword dbpassword databasepassword dbpass adminpassword rootpassword mysqlpassword pgpassword postgrespassword redispassword smtppassword \
         mysqlrootpassword ftppassword ldappassword passwort kennwort motdepasse contrasena senha wachtwoord haslo pin pincode wifipassword newpassword oldpassword currentpassword confirmpassword keystorepassword \
         parolă pw sshpass loginpassword secretpassword mailpassword emailpassword heslo jelszo jelszó parola şifre sifre lozinka parool parole slaptazodis slaptažodis lösenord losenord adgangskode passord salasana hasło contraseña sandi katasandi matkhau bindpassword bindpw bindpasswd storepass keypass otp onetimecode onetimepassword verificationcode",
    ),
    (
        Field::Cookie,
        "cookie setcookie sessionid sessid phpsessid jsessionid connectsid sessioncookie sid aspnetsessionid xsrftoken authcookie",
    ),
    (
        Field::Username,
        "usuário username user login acct loginname userlogin handle screenname nickname nick account_name accountname uname samaccountname twitter github githubuser benutzername usuario utilisateur utente sshuser dbuser ruser osuser createdby updatedby remoteuser suser duser targetusername subjectusername accountname userprincipalname upn ftpuser principalname uname usr authuser ldapuser sshlogin identifiant gebruikersnaam uzytkownik kasutajanimi felhasznalonev felhasználónév användarnamn brukernavn brugernavn kayttajatunnus käyttäjätunnus kullaniciadi kullanıcıadı nomeutente nombredeusuario nomedeusuario nazwauzytkownika nazwaużytkownika uzivatelskejmeno uživatelskéjméno utilizator korisnik korisnickoime sasluser saslusername loginid netid remotelogname logname initiatedby requestedby modifiedby submittedby",
    ),
    (Field::UserId, "userid uid customerid accountid userkey memberlogin principal sub actorid ownerid actor"),
    (
        Field::FirstName,
        "prénom imię förnamn křestníjméno keresztnév utónév eesnimi vārds vardas ime nombrepropio voornamen firstname fname givenname forename middlename given vorname prenom nombre nome fornamn etunimi imie voornaam first primernombre mothersname fathersname maidenname",
    ),
    (
        Field::LastName,
        "příjmení vezetéknév perekonnanimi uzvārds pavardė prezime sobrenomes lastname lname surname family familyname nachname nom apellido apellidos cognome sobrenome efternamn sukunimi nazwisko achternaam soyad last",
    ),
    (
        Field::FullName,
        "adsoyad imięinazwisko nombrecompleto nomecompleto nomcomplet contactperson contactpersonname personincharge responsibleperson nextofkin policyholder accountmanager salesrep caregiver fullname displayname personname customername username_full patientname employeename contactname clientname guestname passengername cardholder cardholdername accountholder accountholdername \
         holdername recipientname sendername nameoncard realname legalname authorname ownername beneficiaryname billingname shippingname ownerfullname studentname applicantname buyername sellername membername managername doctorname",
    ),
    (Field::Name, "name nome_completo names nume nimi navn namn név naam meno"),
    (
        Field::Role,
        "companion companions traveler travelers traveller travellers guests passengers recipients authors owners reviewers speakers hosts witness witnesses beneficiaries dependents dependants children spouse partner requester assignee owner reporter author recipient sender customer client patient contact passenger guest attendee attendees employee manager buyer seller beneficiary payee payer applicant student \
         driver participant participants signer approver reviewer to from cc bcc person people member members speaker host organizer holder agent doctor invitee invitees shipto billto consignee",
    ),
    (
        Field::Street,
        "street streetaddress address1 address2 address3 addressline addressline1 addressline2 addressline3 line1 line2 line3 streetname strasse straße calle rue via street1 street2 housenumber buildingnumber apartment suite unitnumber addr1 addr2 \
         streetline1 streetline2 thoroughfare",
    ),
    (
        Field::City,
        "ciudad città miejscowość miejscowosc şehir sehir plaats woonplaats stad grad město mesto város oraș oras linn pilsēta miestas postort poststed kota homecity residencecity city town cityname municipality locality ort stadt ville citta cidade miasto kaupunki",
    ),
    (Field::Region, "county district neighborhood suburb"),
    (
        Field::PostCode,
        "zip zipcode postcode postalcode plz postleitzahl codepostal codigopostal cap cep postnummer postinumero",
    ),
    (
        Field::Address,
        "dirección endereço osoite adres adresa adress cím alamat địachỉ address addr homeaddress billingaddress shippingaddress mailingaddress deliveryaddress postaladdress workaddress residence anschrift adresse direccion indirizzo endereco location fulladdress residentialaddress permanentaddress currentaddress",
    ),
    (Field::Birth, "dob birthdate dateofbirth birthday birth geburtsdatum datedenaissance fechadenacimiento born"),
    (
        Field::Version,
        "version ver os osversion appversion release build firmware sdk useragent agentversion kernel pkgversion semver",
    ),
    (
        Field::Reference,
        "id orderid order ordernumber orderno invoice invoiceid invoicenumber ref reference referenceid referencenumber tracking trackingnumber trackingid sku isbn issn ean upc gtin asin qty quantity ts timestamp time created createdat updated updatedat \
         checksum hash sha sha1 sha256 sha512 md5 digest etag uuid guid traceid spanid parentid requestid correlationid transactionid txnid txid commit revision seq sequence offset size bytes length count total amount price cost latency duration \
         durationms latencyms elapsed width height port pid tid line column index code status statuscode errorcode serial serialnumber serialno partnumber partno productid itemid batchid jobid runid taskid buildid messageid eventid ticketid ticketnumber ticket caseid \
         casenumber flightnumber flight reservationid bookingid confirmation confirmationnumber parentspanid prompttokens completiontokens totaltokens maxtokens systemfingerprint fingerprint expires exp iat nbf epoch toolcallid callid srcrev epochms unixtime \
         privatekeyid keyid kid score rating rank year age limit page pagesize nonce block blocknumber gas balance points modelid lot batch po ponumber doi imei iccid imsi",
    ),
];

/// Every key with the number of its field in [`KEYS`], from one.
fn listed() -> impl Iterator<Item = (&'static str, u8)> + Clone {
    (1..).zip(KEYS).flat_map(|(number, (_, keys))| keys.split_whitespace().map(move |key| (key, number)))
}

static FIELDS: LazyLock<WordTable> = LazyLock::new(|| WordTable::new(listed(), |_, new| new));

/// The endings of three bytes that the keys have, and the shorter keys.
static KEY_ENDINGS: LazyLock<KeyEndings> = LazyLock::new(|| {
    let mut endings = KeyEndings(Box::new([0; 1 << 10]));
    for (key, _) in listed() {
        let mut last = key.bytes().rev();
        let (first, second, third) = (last.next(), last.next(), last.next());
        for third in third.map_or(0..=31, |b| b..=b) {
            let codes = KeyEndings::codes([third, second.unwrap_or(0), first.unwrap_or(0)]);
            endings.0[codes >> 5] |= 1 << (codes & 31);
        }
    }
    endings
});

/// A set of endings of three bytes, five bits each: the same for both cases of a letter.
struct KeyEndings(Box<[u32; 1 << 10]>);

impl KeyEndings {
    fn codes(three: [u8; 3]) -> usize {
        three.into_iter().fold(0, |codes, b| codes << 5 | usize::from(b & 31))
    }

    /// Whether some key may end as `key` of ASCII does.
    fn may_end(&self, key: &[u8]) -> bool {
        let mut last = key.iter().rev().filter(|b| b.is_ascii_alphanumeric()).copied();
        let (Some(first), Some(second)) = (last.next(), last.next()) else { return false };
        let codes = Self::codes([last.next().unwrap_or(0), second, first]);
        self.0[codes >> 5] >> (codes & 31) & 1 == 1
    }
}

/// Longest key that is looked up, in bytes.
const MAX_KEY: usize = 64;
/// Most words of a key from which on the rest is looked up.
const MAX_WORDS: usize = 12;

/// A key in lower case without its signs, in place: there is one at every assignment.
struct Flat {
    bytes: [u8; MAX_KEY * 2],
    length: usize,
    /// Where each word of the key begins.
    words: [usize; MAX_WORDS],
    count: usize,
}

impl Flat {
    fn read_ascii(&mut self, key: &[u8]) {
        let mut before = b' ';
        for &byte in key {
            if byte.is_ascii_alphanumeric() {
                self.open_if(
                    !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && byte.is_ascii_uppercase(),
                );
                self.bytes[self.length] = byte.to_ascii_lowercase();
                self.length += 1;
            }
            before = byte;
        }
    }

    fn read(&mut self, key: &str) {
        let mut before = ' ';
        for c in key.chars() {
            if c.is_alphanumeric() {
                self.open_if(!before.is_alphanumeric() || before.is_lowercase() && c.is_uppercase());
                c.to_lowercase().for_each(|c| self.push(c));
            }
            before = c;
        }
    }

    fn open_if(&mut self, opens: bool) {
        if opens && self.count < MAX_WORDS {
            self.words[self.count] = self.length;
            self.count += 1;
        }
    }

    fn push(&mut self, c: char) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + c.len_utf8()) {
            self.length += c.encode_utf8(room).len();
        }
    }
}

/// What `key` says of its value: the whole key, else its last words (`customer_phone`, `shippingCity`).
pub(crate) fn of(key: &str) -> Option<Field> {
    let key = if key.len() > MAX_KEY { key.get(key.len() - MAX_KEY..)? } else { key };
    let ascii = key.is_ascii();
    if ascii && !KEY_ENDINGS.may_end(key.as_bytes()) {
        return None;
    }
    let mut flat = Flat { bytes: [0; MAX_KEY * 2], length: 0, words: [0; MAX_WORDS], count: 0 };
    let run = Run::of(key.as_bytes());
    match ascii {
        // Most keys are one word.
        true if run.length == key.len() && !run.humps => {
            flat.bytes[..key.len()].copy_from_slice(key.as_bytes());
            flat.bytes[..key.len()].make_ascii_lowercase();
            (flat.length, flat.count) = (key.len(), 1);
        }
        true => flat.read_ascii(key.as_bytes()),
        false => flat.read(key),
    }
    let words = &flat.words[..flat.count];
    let flat = &flat.bytes[..flat.length];
    let known = words.iter().find_map(|&start| match FIELDS.get(&flat[start..]) {
        0 => None,
        number => Some((start, KEYS[usize::from(number) - 1].0)),
    });
    match known {
        // `file_name`, `agent name`, `host`: the last word alone says too little of a name.
        // `orgnr number`: a number of what is not known.
        Some((start, Field::Reference))
            if start > 0
                && matches!(&flat[start..], b"number" | b"num" | b"id" | b"code" | b"value")
                && key.contains(' ') =>
        {
            None
        }
        Some((start, Field::Name)) if start > 0 => match person_words(&flat[..start]) {
            true => Some(Field::FullName),
            false => key.contains(' ').then_some(Field::Name),
        },
        Some((start, Field::Role)) if start > 0 => None,
        Some((start, Field::FirstName | Field::LastName)) if start > 0 && flat.len() - start < 6 => None,
        Some((_, field)) => Some(field),
        None => None,
    }
}

fn person_words(prefix: &[u8]) -> bool {
    const PERSONS: [&str; 28] = [
        "customer",
        "client",
        "patient",
        "employee",
        "user",
        "contact",
        "guest",
        "passenger",
        "holder",
        "recipient",
        "sender",
        "author",
        "owner",
        "manager",
        "student",
        "doctor",
        "driver",
        "member",
        "buyer",
        "seller",
        "person",
        "spouse",
        "parent",
        "child",
        "applicant",
        "tenant",
        "beneficiary",
        "nominee",
    ];
    PERSONS.iter().any(|person| prefix.ends_with(person.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::testing::check_distinct;

    #[test]
    fn keys_are_known_whatever_their_style() {
        let check = |key, expect| assert_eq!(of(key), expect, "{key}");
        check("first_name", Some(Field::FirstName));
        check("firstName", Some(Field::FirstName));
        check("First Name", Some(Field::FirstName));
        check("customer.phone", Some(Field::Phone));
        check("AWS_SECRET_ACCESS_KEY", Some(Field::Secret));
        check("shippingAddress", Some(Field::Address));
        check("file_name", None);
        check("customer_name", Some(Field::FullName));
        check("name", Some(Field::Name));
        check("orderId", Some(Field::Reference));
        check("whatever", None);
    }

    #[test]
    fn the_filter_lets_every_key_through() {
        for (key, _) in listed().filter(|(key, _)| key.is_ascii()) {
            assert!(KEY_ENDINGS.may_end(key.as_bytes()), "{key}");
        }
        assert!(KEY_ENDINGS.may_end(b"Client_I-P:") && !KEY_ENDINGS.may_end(b"wxyz") && !KEY_ENDINGS.may_end(b"q"));
    }

    #[test]
    fn the_keys_are_told_apart() {
        check_distinct(listed().map(|(key, _)| key));
    }
}
