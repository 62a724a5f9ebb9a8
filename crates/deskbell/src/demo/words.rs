//! What the demo's robots say. Must not know when they say it.

/// What a rep's robot says when it takes a request.
pub(super) fn greeting(name: &str) -> String {
    format!("Hello, this is {name}. I have seen your question; let me have a look.")
}

/// What a rep's robot says next about one of its skills, in turn.
pub(super) fn answers(skill: &str) -> &'static [&'static str] {
    match skill {
        "research" => &[
            "The county record office has the survey too; I can ask for a copy.",
            "Start with the 1911 survey in the map room, then the newspapers of that year.",
            "Yes, we have that on film. A reader is free this afternoon.",
        ],
        "loans" => &[
            "I have renewed it: three more weeks.",
            "Nobody waits for it, so you may keep it until the end of the month.",
            "It is back on Thursday. I keep it at the desk for you.",
        ],
        "study-rooms" => &[
            "Ferry is free from nine to one. Shall I put your name on it?",
            "There is a screen in it, and the cable is at the desk.",
            "Two hours at a time, and longer when nobody waits.",
        ],
        "mortgages" => &[
            "With a fifth of the price of your own, ten years fixed is 3.85 per cent today.",
            "You may pay back five per cent more each year, free of charge.",
            "Two payslips and the last tax note are enough for a first answer.",
        ],
        "cards" => &[
            "The old card is blocked. The new one is with you in three working days.",
            "It works in your telephone from this afternoon.",
            "There is no charge for a card that was stolen.",
        ],
        "accounts" => &[
            "We bring your standing orders over; you sign once.",
            "Yes, two of you can hold it, each with a card.",
            "It costs nothing, whatever comes in each month.",
        ],
        _ => &[
            "For most people the 35 mm lens is the one to begin with: light, bright, and sharp from corner to corner.",
            "Yes, it is in stock. Ordered before four it leaves today.",
            "You can bring it back within thirty days, also when it was unpacked.",
            "Prints up to A3 we make while you wait; larger ones take two days.",
            "The kit is the better buy if you want the bag and the second battery anyway.",
        ],
    }
}

/// What a rep's robot says before it ends a conversation.
pub(super) const FAREWELL: &str = "You are welcome. Have a good day!";

/// What ends a conversation with a robot.
pub(super) fn is_thanks(text: &str) -> bool {
    let text = text.to_lowercase();
    ["thank", "bye", "merci", "danke"]
        .iter()
        .any(|word| text.contains(word))
}

/// One shopper's story: who, where, about what, and what it says in turn.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) site: &'static str,
    pub(super) skill: &'static str,
    pub(super) lines: [&'static str; 3],
}

/// The shoppers the robots play.
pub(super) const STORIES: [Story; 10] = [
    Story {
        name: "Zoe",
        site: "shop",
        skill: "cameras",
        lines: [
            "Which camera would you take on a hike?",
            "Does it bear rain?",
            "That is all I wanted to know, thank you!",
        ],
    },
    Story {
        name: "Noah",
        site: "shop",
        skill: "lenses",
        lines: [
            "Will a 50 mm lens do for portraits?",
            "And for a small room?",
            "Thank you, I will take it.",
        ],
    },
    Story {
        name: "Mina",
        site: "shop",
        skill: "printing",
        lines: [
            "How large can you print a 24 megapixel picture?",
            "On matte paper too?",
            "Thanks a lot!",
        ],
    },
    Story {
        name: "Emre",
        site: "shop",
        skill: "cameras",
        lines: [
            "Is the kit worth the extra money?",
            "Which bag comes with it?",
            "Good, thank you.",
        ],
    },
    Story {
        name: "Ines",
        site: "shop",
        skill: "printing",
        lines: [
            "Can I collect prints on Saturday?",
            "Until when are you open?",
            "Thanks, bye!",
        ],
    },
    Story {
        name: "Ada",
        site: "library",
        skill: "research",
        lines: [
            "I am looking for old maps of the river.",
            "From before the bridge?",
            "Wonderful, thank you.",
        ],
    },
    Story {
        name: "Omar",
        site: "library",
        skill: "loans",
        lines: [
            "Can I keep The Mill on the Floss a little longer?",
            "Does somebody wait for it?",
            "Thanks!",
        ],
    },
    Story {
        name: "Yuki",
        site: "library",
        skill: "study-rooms",
        lines: [
            "Is a room for five free tomorrow morning?",
            "Does it have a screen?",
            "Perfect, thank you.",
        ],
    },
    Story {
        name: "Tomas",
        site: "bank",
        skill: "mortgages",
        lines: [
            "What would 250,000 over twenty years cost?",
            "Can I pay back more now and then?",
            "That helps, thank you.",
        ],
    },
    Story {
        name: "Leila",
        site: "bank",
        skill: "cards",
        lines: [
            "My card was stolen this morning.",
            "When do I get the new one?",
            "Thank you, bye!",
        ],
    },
];
