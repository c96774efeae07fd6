//! Texts made of what recognizers look at.

use proptest::prelude::*;

/// Pieces that recognizers look at, put together at random.
pub(crate) fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("jane.doe@example.com"),
        Just("+1 201-559-3834"),
        Just("4012 8888 8888 1881"),
        Just("GB82 WEST 1234 5698 7654 32"),
        Just("439-03-0384"),
        Just("10.1.2.3"),
        Just("my name is Kevin Duffy"),
        Just("password: osJuNZ6spjU5"),
        Just(r#"{"name": "Jane Roe", "ssn": 439030384}"#),
        Just(r#"\"to\": \"a\u0040b.de\""#),
        Just("377 Pine Lane, Suite 694, Denver"),
        Just("jane at example dot com"),
        Just("id,name,email\n1,Jane Roe,a@b.de\n"),
        Just("https://bob:s3cr3tPw@host/x?email=a%40b.de"),
        Just("Cookie: session=9f8a7b6c5d4e3f2a1b0c"),
        Just("[EMAIL]"),
        Just("[PERSON:k1:9f3a5c0d1e2b4a68]"),
        Just("$ mysql -u jtran -pfQx7Kw9 shop"),
        Just("-rw-r--r-- 1 jtran staff 4096 x\n"),
        Just("jtran:x:1001:1001:Jo Tran,,,:/home/jtran:/bin/sh\n"),
        Just("INSERT INTO t (name, ssn) VALUES ('Jane Roe', '439030384');"),
        Just("new PDO(\"mysql:host=x\", \"jtran\", \"hunter2!\")"),
        Just("CONTOSO\\jtran logged on; login failed for user [jtran] from 10.1.2.3"),
        Just("'jtran'@'10.1.2.3' IDENTIFIED BY 'WalnutSaffron64!'"),
        Just("your one-time code is 809972"),
        Just("jtran@build-07:~$ "),
        Just("PID USER COMMAND\n"),
        Just("form-data; name=\"password\"\n\nhunter2!\n"),
        Just("I booked a hotel for three nights, "),
        Just("we met in Paris and in Denver, CO; "),
        Just("and then there was nothing more to say about it for a long while, not even that it had rained all day, "),
        Just("useradd -m jtran && chown jtran:dev /srv"),
        Just(" "),
        Just(", "),
        Just("\n"),
        Just("\\"),
        Just("%"),
        Just("é"),
        Just("\u{200b}"),
        Just("token="),
        Just("phone "),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}
