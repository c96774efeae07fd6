//! The built-in rules: `config/rules/`, part of the program, so that it needs no files.

use super::RuleText;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        const FILES: &[(&str, &str)] =
            &[$((concat!("config/rules/", $name), include_str!(concat!("../../../../config/rules/", $name)))),+];
    };
}

files!(
    "aid-01-injection.yml",
    "aid-02-indirect-injection.yml",
    "aid-03-blocked-often.yml",
    "aid-05-hidden-text.yml",
    "aid-07-secrets.yml",
    "aid-12-destructive.yml",
    "aid-13-execution.yml",
    "aid-16-loop.yml",
    "aid-17-errors.yml",
    "aid-23-denied.yml",
);

/// The built-in files.
pub(crate) fn texts() -> Vec<RuleText> {
    FILES.iter().map(|(name, text)| RuleText { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::RulesConfig;

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/rules");
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        let names: Vec<_> = names.iter().map(|name| format!("config/rules/{}", name.to_str().unwrap())).collect();
        assert_eq!(names, FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn every_rule_holds_what_its_examples_say() {
        let set = RulesConfig::default().compile().unwrap();
        let faults: Vec<String> = set.test().iter().map(ToString::to_string).collect();
        assert_eq!(faults, Vec::<String>::new());
        for rule in set.summaries().iter().filter(|rule| !rule.silent) {
            assert!(
                rule.examples.0 >= 3 && rule.examples.1 >= 3,
                "{} has too few examples: {:?}",
                rule.name,
                rule.examples
            );
            assert!(rule.detection.starts_with("AID-"), "{}", rule.name);
            assert!(rule.tags.iter().any(|tag| tag.starts_with("owasp.")), "{} has no tag", rule.name);
        }
    }
}
