//! The languages that the gateway's own pages-without-script speak, and their phrases about a state.
//! Must not know how the words are shown; the widget has its own, in `assets/texts`.

/// A language spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
    French,
    Spanish,
    Turkish,
    Arabic,
}

impl Language {
    /// The language of a BCP 47 tag such as `de-AT`; English where none is spoken.
    pub(crate) fn of_tag(tag: Option<&str>) -> Self {
        let primary = tag
            .and_then(|tag| tag.split('-').next())
            .unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "de" => Self::German,
            "fr" => Self::French,
            "es" => Self::Spanish,
            "tr" => Self::Turkish,
            "ar" => Self::Arabic,
            _ => Self::English,
        }
    }

    /// Its BCP 47 tag.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Turkish => "tr",
            Self::Arabic => "ar",
        }
    }

    /// `ltr` or `rtl`.
    pub(crate) fn direction(self) -> &'static str {
        match self {
            Self::English | Self::German | Self::French | Self::Spanish | Self::Turkish => "ltr",
            Self::Arabic => "rtl",
        }
    }

    /// One can help now, or so many that the number is not told.
    pub(crate) fn someone(self) -> &'static str {
        match self {
            Self::English => "Someone can help now",
            Self::German => "Jemand kann jetzt helfen",
            Self::French => "Quelqu’un peut vous aider",
            Self::Spanish => "Alguien puede ayudarle ahora",
            Self::Turkish => "Şu anda size yardım edebiliriz",
            Self::Arabic => "يمكننا مساعدتك الآن",
        }
    }

    /// Two or more can help now.
    pub(crate) fn people(self, count: u32) -> String {
        match self {
            Self::English => format!("{count} people can help now"),
            Self::German => format!("{count} Personen können jetzt helfen"),
            Self::French => format!("{count} personnes peuvent vous aider"),
            Self::Spanish => format!("{count} personas pueden ayudarle ahora"),
            Self::Turkish => format!("Şu anda {count} kişi yardım edebilir"),
            Self::Arabic => {
                let forms = ["شخصان", "أشخاص", "شخصًا", "شخص"];
                match arabic(count, forms) {
                    dual if count == 2 => format!("{dual} يمكنهما مساعدتك الآن"),
                    counted => format!("{counted} يمكنهم مساعدتك الآن"),
                }
            }
        }
    }

    /// Nobody can say how long.
    pub(crate) fn unknown(self) -> &'static str {
        match self {
            Self::English => "We can't tell how long yet",
            Self::German => "Die Wartezeit ist noch ungewiss",
            Self::French => "Durée d’attente encore inconnue",
            Self::Spanish => "Aún no sabemos cuánto tardará",
            Self::Turkish => "Süreyi henüz bilemiyoruz",
            Self::Arabic => "لا نعرف مدة الانتظار بعد",
        }
    }

    /// Nobody is on duty.
    pub(crate) fn closed(self) -> &'static str {
        match self {
            Self::English => "Nobody is here just now",
            Self::German => "Gerade ist niemand im Dienst",
            Self::French => "Personne n’est là pour le moment",
            Self::Spanish => "Ahora mismo no hay nadie",
            Self::Turkish => "Şu anda kimse görevde değil",
            Self::Arabic => "لا يوجد أحد في الخدمة الآن",
        }
    }

    /// A wait of less than a minute.
    pub(crate) fn under_a_minute(self) -> &'static str {
        match self {
            Self::English => "Under a minute",
            Self::German => "Unter einer Minute",
            Self::French => "Moins d’une minute",
            Self::Spanish => "Menos de un minuto",
            Self::Turkish => "Bir dakikadan az",
            Self::Arabic => "أقل من دقيقة",
        }
    }

    /// About so many minutes.
    pub(crate) fn about(self, minutes: u32) -> String {
        let time = self.duration(minutes);
        match self {
            Self::English => format!("About {time}"),
            Self::German => format!("Etwa {time}"),
            Self::French => format!("Environ {time}"),
            Self::Spanish => match minutes {
                1 | 30 | 60 => format!("Cerca de {time}"),
                61.. => format!("Unas {time}"),
                _ => format!("Unos {time}"),
            },
            Self::Turkish => format!("Yaklaşık {time}"),
            Self::Arabic => format!("حوالي {time}"),
        }
    }

    /// At most so many minutes.
    pub(crate) fn up_to(self, minutes: u32) -> String {
        let time = self.duration(minutes);
        match self {
            Self::English => format!("Up to {time}"),
            Self::German => format!("Höchstens {time}"),
            Self::French => format!("Jusqu’à {time}"),
            Self::Spanish => format!("Hasta {time}"),
            Self::Turkish => format!("En çok {time}"),
            Self::Arabic => format!("حتى {time}"),
        }
    }

    /// Between two times; `low` is a number alone where both are minutes.
    pub(crate) fn between(self, low: &str, high: &str) -> String {
        match self {
            Self::English => format!("{low} to {high}"),
            Self::German => format!("{low} bis {high}"),
            Self::French => format!("De {low} à {high}"),
            Self::Spanish => format!("De {low} a {high}"),
            Self::Turkish => format!("{low} ile {high} arası"),
            Self::Arabic => format!("من {low} إلى {high}"),
        }
    }

    /// How often a range holds, out of ten times.
    pub(crate) fn odds(self, times: &str) -> String {
        match self {
            Self::English => format!("{times} times out of 10"),
            Self::German => format!("in {times} von 10 Fällen"),
            Self::French => format!("{times} fois sur 10"),
            Self::Spanish => format!("{times} de cada 10 veces"),
            Self::Turkish => format!("10 seferin {times} tanesinde"),
            Self::Arabic => format!("في {times} من كل 10 مرات"),
        }
    }

    /// What stands between the parts of a sentence.
    pub(crate) fn comma(self) -> &'static str {
        match self {
            Self::English | Self::German | Self::French | Self::Spanish | Self::Turkish => ", ",
            Self::Arabic => "، ",
        }
    }

    /// A time as people say it.
    pub(crate) fn duration(self, minutes: u32) -> String {
        let hours = minutes.div_ceil(60);
        let (one, half, hour, many_minutes, many_hours) = match self {
            Self::English => ("a minute", "half an hour", "an hour", "minutes", "hours"),
            Self::German => (
                "eine Minute",
                "eine halbe Stunde",
                "eine Stunde",
                "Minuten",
                "Stunden",
            ),
            Self::French => (
                "une minute",
                "une demi-heure",
                "une heure",
                "minutes",
                "heures",
            ),
            Self::Spanish => ("un minuto", "media hora", "una hora", "minutos", "horas"),
            Self::Turkish => ("bir dakika", "yarım saat", "bir saat", "dakika", "saat"),
            Self::Arabic => {
                return match minutes {
                    1 => "دقيقة".to_owned(),
                    30 => "نصف ساعة".to_owned(),
                    60 => "ساعة".to_owned(),
                    61.. => arabic(hours, ["ساعتين", "ساعات", "ساعة", "ساعة"]),
                    _ => arabic(minutes, ["دقيقتين", "دقائق", "دقيقة", "دقيقة"]),
                };
            }
        };
        match minutes {
            1 => one.to_owned(),
            30 => half.to_owned(),
            60 => hour.to_owned(),
            61.. => format!("{hours} {many_hours}"),
            _ => format!("{minutes} {many_minutes}"),
        }
    }
}

/// A counted noun of two or more, by the plural rules of Unicode CLDR: two, few, many, other.
fn arabic(count: u32, [two, few, many, other]: [&str; 4]) -> String {
    match (count, count % 100) {
        (2, _) => two.to_owned(),
        (_, 3..=10) => format!("{count} {few}"),
        (_, 11..=99) => format!("{count} {many}"),
        _ => format!("{count} {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Language; 6] = [
        Language::English,
        Language::German,
        Language::French,
        Language::Spanish,
        Language::Turkish,
        Language::Arabic,
    ];

    #[test]
    fn tags_are_read_by_their_first_part() {
        let check = |tag, expected| assert_eq!(Language::of_tag(tag), expected, "{tag:?}");
        check(Some("de-AT"), Language::German);
        check(Some("AR"), Language::Arabic);
        check(Some("fi"), Language::English);
        check(Some(""), Language::English);
        check(None, Language::English);
        for language in ALL {
            check(Some(language.tag()), language);
        }
    }

    #[test]
    fn every_line_fits_a_badge() {
        for language in ALL {
            let mut lines: Vec<String> = [1, 2, 5, 15, 30, 60, 120]
                .into_iter()
                .map(|minutes| language.about(minutes))
                .collect();
            lines.extend([2, 3, 11, 100].map(|count| language.people(count)));
            lines.extend(
                [
                    language.someone(),
                    language.unknown(),
                    language.closed(),
                    language.under_a_minute(),
                ]
                .map(str::to_owned),
            );
            for line in lines {
                assert!(line.chars().count() <= 40, "{line}");
            }
        }
    }

    #[test]
    fn arabic_counts_by_its_own_rules() {
        let check = |count, expected: &str| assert_eq!(Language::Arabic.people(count), expected);
        check(2, "شخصان يمكنهما مساعدتك الآن");
        check(3, "3 أشخاص يمكنهم مساعدتك الآن");
        check(11, "11 شخصًا يمكنهم مساعدتك الآن");
        check(100, "100 شخص يمكنهم مساعدتك الآن");
        assert_eq!(Language::Spanish.about(1), "Cerca de un minuto");
        assert_eq!(Language::Spanish.about(120), "Unas 2 horas");
    }
}
