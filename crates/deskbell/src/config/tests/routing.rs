//! The table `[routing]` and its relaxing rules.

use super::*;

#[test]
fn routing_is_checked() {
    check_with(
        "[routing]\npriority = \"stric\"\nchoose = \"worst\"\noffer_timeout = \"20\"\nwrap_up = 10\nsticky_for = \"2h\"\nqueue_limit = 0\n",
        expect![[r#"
            deskbell.toml:2:12: [routing] priority: cannot be "stric"; did you mean strict?
            deskbell.toml:3:10: [routing] choose: cannot be "worst"; known: best, longest-idle
            deskbell.toml:4:17: [routing] offer_timeout: "20" has no unit; write "20s" if you mean seconds
            deskbell.toml:5:11: [routing] wrap_up: must be a duration in quotes, such as "20s", not a number
            deskbell.toml:6:14: [routing] sticky_for: is 2h but must be from 0s to 1h
            deskbell.toml:7:15: [routing] queue_limit: is 0 but must be from 1 to 1000000
        "#]],
    );
}

#[test]
fn relaxing_rules_that_are_wrong_are_mistakes() {
    check_with(
        "[[routing.relax]]\nmin_level = 60\n\
         [[routing.relax]]\nafter = \"30s\"\n\
         [[routing.relax]]\nafter = \"60s\"\nskill = \"camera\"\naccept = [\"lense\"]\n\
         [[routing.relax]]\nafter = \"60s\"\nskill = \"cameras\"\naccept = [\"cameras\"]\ntiers = \"all\"\n\
         [[routing.relax]]\nafter = \"2d\"\nmin_level = 0\n",
        expect![[r#"
            deskbell.toml:1:1: [[routing.relax]] after: is missing; write the time waited from which the rule holds, such as "30s"
            deskbell.toml:3:1: [[routing.relax]]: relaxes nothing; add min_level, accept or tiers = "any"
            deskbell.toml:7:9: [[routing.relax]] skill: there is no skill called camera; did you mean cameras?
            deskbell.toml:8:11: [[routing.relax]] accept: there is no skill called lense; did you mean lenses?
            deskbell.toml:12:10: [[routing.relax]] accept: names cameras, the skill it stands in for; take it out
            deskbell.toml:13:9: [[routing.relax]] tiers: cannot be "all"; known: any
            deskbell.toml:15:9: [[routing.relax]] after: is 2d but must be from 0s to 1d
            deskbell.toml:16:13: [[routing.relax]] min_level: is 0 but must be from 1 to 100
        "#]],
    );
}

#[test]
fn relaxing_rule_that_narrows_is_a_mistake() {
    check_with(
        "[[routing.relax]]\nafter = \"60s\"\nmin_level = 70\n[[routing.relax]]\nafter = \"30s\"\nmin_level = 60\n\
         [[routing.relax]]\nafter = \"90s\"\nmin_level = 90\nskill = \"cameras\"\n",
        expect![[r#"
            deskbell.toml:3:13: [[routing.relax]] min_level: is 70, but after 30s level 60 is enough already; a rule can only ask for less
            deskbell.toml:9:13: [[routing.relax]] min_level: is 90, but after 30s level 60 is enough already; a rule can only ask for less
        "#]],
    );
}

#[test]
fn relaxing_rules_that_never_help_are_warnings() {
    check_with(
        "[[skill]]\nid = \"cameras\"\n[[skill]]\nid = \"lenses\"\n[[skill]]\nid = \"singing\"\n\
         [[site]]\nid = \"shop\"\nskills = [\"cameras\"]\n\
         [[routing.relax]]\nafter = \"60s\"\nskill = \"cameras\"\naccept = [\"singing\"]\n\
         [[routing.relax]]\nafter = \"70s\"\nskill = \"lenses\"\nmin_level = 5\n\
         [[routing.relax]]\nafter = \"80s\"\ntiers = \"any\"\n",
        expect![[r#"
            served
            deskbell.toml:10:1: [[routing.relax]] accept: no rep has singing: this rule can never find anybody
            deskbell.toml:14:1: [[routing.relax]] skill: no site offers lenses: this rule can never apply
            deskbell.toml:18:1: [[routing.relax]] tiers: no rep is kept for some tiers: this rule can never find anybody more
        "#]],
    );
}

#[test]
fn relaxing_rule_that_repeats_another_is_a_warning() {
    check_with(
        "[[routing.relax]]\nafter = \"30s\"\nmin_level = 60\n[[routing.relax]]\nafter = \"60s\"\nmin_level = 60\nskill = \"cameras\"\n",
        expect![[r#"
            served
            deskbell.toml:4:1: [[routing.relax]] min_level: level 60 is enough already after 30s
        "#]],
    );
}
