//! What the demo's robots say. Must not know when they say it.

/// What a rep's robot says when it takes a request.
pub(super) fn greeting(name: &str) -> String {
    format!("Hello, this is {name}. I have seen your question; let me have a look.")
}

/// What a rep's robot says next, in turn.
pub(super) const ANSWERS: [&str; 5] = [
    "For most people the 35 mm lens is the one to begin with: light, bright, and sharp from corner to corner.",
    "Yes, it is in stock. Ordered before four it leaves today.",
    "You can bring it back within thirty days, also when it was unpacked.",
    "Prints up to A3 we make while you wait; larger ones take two days.",
    "The kit is the better buy if you want the bag and the second battery anyway.",
];

/// What a rep's robot says before it ends a conversation.
pub(super) const FAREWELL: &str = "You are welcome. Have a good day!";

/// What ends a conversation with a robot.
pub(super) fn is_thanks(text: &str) -> bool {
    let text = text.to_lowercase();
    ["thank", "bye", "merci", "danke"]
        .iter()
        .any(|word| text.contains(word))
}

/// One shopper's story: name, skill, what it says in turn.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) skill: &'static str,
    pub(super) lines: [&'static str; 3],
}

/// The shoppers the robots play.
pub(super) const STORIES: [Story; 5] = [
    Story {
        name: "Zoe",
        skill: "cameras",
        lines: [
            "Which camera would you take on a hike?",
            "Does it bear rain?",
            "That is all I wanted to know, thank you!",
        ],
    },
    Story {
        name: "Noah",
        skill: "lenses",
        lines: [
            "Will a 50 mm lens do for portraits?",
            "And for a small room?",
            "Thank you, I will take it.",
        ],
    },
    Story {
        name: "Mina",
        skill: "printing",
        lines: [
            "How large can you print a 24 megapixel picture?",
            "On matte paper too?",
            "Thanks a lot!",
        ],
    },
    Story {
        name: "Emre",
        skill: "cameras",
        lines: [
            "Is the kit worth the extra money?",
            "Which bag comes with it?",
            "Good, thank you.",
        ],
    },
    Story {
        name: "Ines",
        skill: "printing",
        lines: [
            "Can I collect prints on Saturday?",
            "Until when are you open?",
            "Thanks, bye!",
        ],
    },
];
