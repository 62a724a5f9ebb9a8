//! Reps, what refers to them, and where their secrets are sought.

use super::*;

#[test]
fn identities_are_checked() {
    check_with(
        "[[skill]]\nname = \"Cameras\"\n[[skill]]\nid = \"Cameras\"\n[[skill]]\nid = \"a.b\"\n",
        expect![[r#"
            deskbell.toml:1:1: [[skill]] id: is missing; give it a short name in small letters, digits and hyphens
            deskbell.toml:4:6: [[skill]] id: "Cameras" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:6:6: [[skill]] id: "a.b" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:19:12: [[rep]] skills.cameras: there is no skill called cameras; did you mean Cameras?
            deskbell.toml:19:26: [[rep]] skills.lenses: there is no skill called lenses; known: Cameras, a.b
        "#]],
    );
    check_with(
        "[[tier]]\nid = \"gold\"\n[[tier]]\nid = \"gold\"\n",
        expect![[r#"
            deskbell.toml:4:6: [[tier]] id: there is another gold above; give each its own
        "#]],
    );
    check_with(
        "[[site]]\nid = \"\"\n[[site]]\nid = \"a b\"\nname = \"\"\n[[site]]\nid = \"-a\"\n",
        expect![[r#"
            deskbell.toml:2:6: [[site]] id: is empty
            deskbell.toml:4:6: [[site]] id: "a b" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:5:8: [[site]] name: is empty
            deskbell.toml:7:6: [[site]] id: "-a" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
        "#]],
    );
    check_with(
        "[[rep]]\nid = \"cameras\"\npassword = \"correct horse\"\nskills = { cameras = 1, lenses = 1 }\n\
         [[rep]]\nid = \"desk\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\n\
         [[rep]]\nid = \"desk\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\n",
        expect![[r#"
            deskbell.toml:2:6: [[rep]] id: cameras is the address of the skill's group; call the rep otherwise
            deskbell.toml:6:6: [[rep]] id: desk is the address by which reps answer; call the rep otherwise
            deskbell.toml:10:6: [[rep]] id: there is another desk above; give each its own
        "#]],
    );
}

#[test]
fn wrong_identity_is_one_mistake_not_one_for_each_reference() {
    check_with(
        "[[skill]]\nid = \"Cameras\"\n[[site]]\nid = \"shop\"\nskills = [\"Cameras\"]\n\
         [[rep]]\nid = \"alice\"\npassword = \"correct horse\"\nskills = { Cameras = 90 }\n",
        expect![[r#"
            deskbell.toml:2:6: [[skill]] id: "Cameras" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
        "#]],
    );
}

#[test]
fn references_are_checked() {
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { camera = 50, singing = 60, lenses = 1, cameras = 2 }\n\
         tiers = [\"platinum\", \"gold\", \"gold\", \"stadnard\"]\n",
        expect![[r#"
            deskbell.toml:4:12: [[rep]] skills.camera: there is no skill called camera; did you mean cameras?
            deskbell.toml:4:25: [[rep]] skills.singing: there is no skill called singing; known: cameras, lenses
            deskbell.toml:5:10: [[rep]] tiers: there is no tier called platinum; known: standard, gold
            deskbell.toml:5:30: [[rep]] tiers: names gold twice
            deskbell.toml:5:38: [[rep]] tiers: there is no tier called stadnard; did you mean standard?
        "#]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nskills = [\"lense\", \"cameras\", \"cameras\"]\n",
        expect![[r#"
            deskbell.toml:3:11: [[site]] skills: there is no skill called lense; did you mean lenses?
            deskbell.toml:3:31: [[site]] skills: names cameras twice
        "#]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nskills = []\n",
        expect![[r#"
        deskbell.toml:3:10: [[site]] skills: is empty; name a skill, or leave the key out to offer all
    "#]],
    );
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = [\"cameras\"]\ntiers = []\n",
        expect![[r#"
            deskbell.toml:4:10: [[rep]] skills: must be a table in braces, not a list
            deskbell.toml:5:9: [[rep]] tiers: is empty: the rep would serve nobody; leave the key out to serve all
        "#]],
    );
}

#[test]
fn numbers_out_of_range_are_told_with_the_range() {
    check_with(
        "[[tier]]\nid = \"a\"\nweight = 0\n[[tier]]\nid = \"b\"\nweight = nan\n[[tier]]\nid = \"c\"\nweight = -1.5\n[[tier]]\nid = \"d\"\nweight = \"2\"\n",
        expect![[r#"
            deskbell.toml:3:10: [[tier]] weight: must be above 0 and at most 1000
            deskbell.toml:6:10: [[tier]] weight: must be above 0 and at most 1000
            deskbell.toml:9:10: [[tier]] weight: must be above 0 and at most 1000
            deskbell.toml:12:10: [[tier]] weight: must be a number, not text
        "#]],
    );
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { cameras = 0, lenses = 101 }\ncapacity = 0\n\
         [[rep]]\nid = \"bo\"\npassword = \"correct horse\"\nskills = { cameras = 1.5, lenses = -1 }\ncapacity = \"3\"\n\
         [[rep]]\nid = \"b\"\npassword = \"correct horse\"\nskills = { cameras = 0x40, lenses = 99999999999 }\ncapacity = 1_00\n",
        expect![[r#"
            deskbell.toml:4:22: [[rep]] skills.cameras: is 0 but must be from 1 to 100
            deskbell.toml:4:34: [[rep]] skills.lenses: is 101 but must be from 1 to 100
            deskbell.toml:5:12: [[rep]] capacity: is 0 but must be from 1 to 100
            deskbell.toml:9:22: [[rep]] skills.cameras: must be a whole number from 1 to 100, not a number with a fraction
            deskbell.toml:9:36: [[rep]] skills.lenses: is -1 but must be from 1 to 100
            deskbell.toml:10:12: [[rep]] capacity: must be a whole number from 1 to 100, not text
            deskbell.toml:14:37: [[rep]] skills.lenses: is 99999999999 but must be from 1 to 100
        "#]],
    );
}

#[test]
fn passwords_are_sought_in_one_place() {
    let rep = |lines: &str| {
        format!("[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1, lenses = 1 }}\n{lines}\n")
    };
    check_with(
        &rep(""),
        expect![[r#"
        deskbell.toml:1:1: [[rep]] password: is missing; write password_file = "FILE" (or password_env, password, ha1)
    "#]],
    );
    check_with(
        &rep("password = \"short\""),
        expect![[r#"
            served
            deskbell.toml:4:12: [[rep]] password: has fewer than 8 characters and may be guessed
        "#]],
    );
    check_with(
        &rep("password = \"correct horse\"\npassword_env = \"ALICE\""),
        expect![[r#"
            deskbell.toml:5:1: [[rep]] password_env: is one too many; keep one of password, password_file and password_env
        "#]],
    );
    check_with(
        &rep("password_env = \"NOBODY\""),
        expect![[r#"
        deskbell.toml:4:16: [[rep]] password_env: the environment has no variable NOBODY; set it before starting
    "#]],
    );
    check_with(
        &rep("password_env = \"EMPTY\""),
        expect![[r#"
        deskbell.toml:4:16: [[rep]] password_env: EMPTY is empty
    "#]],
    );
    check_with(
        &rep("password_env = \"ALICE\""),
        expect![[r#"
        served
    "#]],
    );
    check_with(
        &rep("password = \"correct horse\"\nha1 = {}"),
        expect![[r#"
            deskbell.toml:5:1: [[rep]] ha1: is one too many; keep the password or its hashes
        "#]],
    );
    check_with(
        &rep("password = 12345678"),
        expect![[r#"
        deskbell.toml:4:12: [[rep]] password: must be text in quotes, not a number
    "#]],
    );
}

#[test]
fn hashes_are_checked_against_the_challenges() {
    let rep = |ha1: &str| {
        format!(
            "[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1, lenses = 1 }}\nha1 = {ha1}\n\
             [sip]\ndomain = \"shop.example\"\ndigest = [\"SHA-256\", \"MD5\"]\n"
        )
    };
    check_with(
        &rep("{ md5 = \"00\", sha-256 = \"zz\" }"),
        expect![[r#"
        deskbell.toml:4:15: [[rep]] ha1.md5: must be 32 hexadecimal digits
        deskbell.toml:4:31: [[rep]] ha1.sha-256: must be 64 hexadecimal digits
    "#]],
    );
    check_with(
        &rep("{ md5 = \"00112233445566778899aabbccddeeff\" }"),
        expect![[r#"
            deskbell.toml:4:7: [[rep]] ha1: has no SHA-256, which [sip] digest asks phones for; add it, or take SHA-256 out there
        "#]],
    );
    check_with(
        &rep("{ sha256 = \"00\" }"),
        expect![[r#"
            deskbell.toml:4:7: [[rep]] ha1: has no SHA-256, which [sip] digest asks phones for; add it, or take SHA-256 out there
            deskbell.toml:4:7: [[rep]] ha1: has no MD5, which [sip] digest asks phones for; add it, or take MD5 out there
            deskbell.toml:4:9: [[rep]] ha1.sha256: is unknown; did you mean SHA-256?
        "#]],
    );
    let md5_only = rep("{ md5 = \"00112233445566778899aabbccddeeff\" }");
    check_with(
        &md5_only.replace("\"SHA-256\", ", ""),
        expect![[r#"
            served
        "#]],
    );
}

#[test]
fn secret_files_are_checked() {
    let scratch = Scratch::new();
    let rep = "[[rep]]\nid = \"alice\"\nskills = { cameras = 1, lenses = 1 }\npassword_file = \"alice.secret\"\n";
    scratch.check_with(rep, expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: DIR/alice.secret cannot be read: No such file or directory (os error 2)
    "#]]);
    scratch.write("alice.secret", "\n");
    scratch.check_with(
        rep,
        expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: alice.secret is empty
    "#]],
    );
    scratch.write("alice.secret", "correct\nhorse\n");
    scratch.check_with(
        rep,
        expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: alice.secret holds more than one line of text
    "#]],
    );
    scratch.write("alice.secret", &"x".repeat(5000));
    scratch.check_with(rep, expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: DIR/alice.secret cannot be read: it is longer than 4096 bytes
    "#]]);
    scratch.write("alice.secret", "correct horse\r\n");
    scratch.check_with(
        rep,
        expect![[r#"
        served
    "#]],
    );
    fs::set_permissions(
        scratch.0.join("alice.secret"),
        Permissions::from_mode(0o644),
    )
    .unwrap();
    scratch.check_with(rep, expect![[r#"
        served
        DIR/deskbell.toml:4:17: [[rep]] password_file: alice.secret can be read by every user of this machine; run chmod 600 on it
    "#]]);
}

#[test]
fn skills_nobody_serves_and_reps_without_skills_are_warnings() {
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\n",
        expect![[r#"
            served
            deskbell.toml:1:1: [[rep]] skills: is missing: no ticket will ever reach this rep
            deskbell.toml:15:1: [[site]] skills: no rep has cameras: it will always be closed
            deskbell.toml:15:1: [[site]] skills: no rep has lenses: it will always be closed
        "#]],
    );
}
