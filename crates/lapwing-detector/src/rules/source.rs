//! Rule files: one YAML stream of Sigma documents a file, and faults that say where they are.

use std::fmt;

use rsigma_parser::{SigmaCollection, parse_sigma_yaml};

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its name, for messages.
    pub name: String,
    /// What it holds: YAML documents separated by `---`.
    pub text: String,
}

/// What is wrong with a rule, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

/// One document of a file.
pub(crate) struct Document<'a> {
    file: &'a str,
    /// The line in the file on which the document begins, from 1.
    first_line: usize,
    text: String,
}

impl<'a> Document<'a> {
    /// The documents of a file, in order; such that hold only comments are left out.
    pub(crate) fn split(source: &'a RuleText) -> Vec<Self> {
        let mut documents = vec![Self { file: &source.name, first_line: 1, text: String::new() }];
        for (at, line) in source.text.lines().enumerate() {
            if line.trim_end() == "---" {
                documents.push(Self { file: &source.name, first_line: at + 2, text: String::new() });
            } else if let Some(document) = documents.last_mut() {
                document.text.push_str(line);
                document.text.push('\n');
            }
        }
        let empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        documents.retain(|document| !document.text.lines().all(empty));
        documents
    }

    /// The document's rules, or its faults.
    pub(crate) fn parse(&self) -> Result<SigmaCollection, Vec<RuleFault>> {
        let collection = parse_sigma_yaml(&self.text).map_err(|error| vec![self.parser_fault(&error.to_string())])?;
        if collection.errors.is_empty() {
            return Ok(collection);
        }
        Err(collection.errors.iter().map(|error| self.parser_fault(error)).collect())
    }

    /// A fault at the first line that holds `mark`, else at the document's first line.
    pub(crate) fn fault(&self, mark: &str, problem: impl Into<String>) -> RuleFault {
        let holds = |line: &str| !mark.is_empty() && line.contains(mark);
        let line = self.text.lines().position(holds).unwrap_or_else(|| self.first_content());
        RuleFault { file: self.file.to_owned(), line: self.first_line + line, problem: problem.into() }
    }

    fn first_content(&self) -> usize {
        let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        self.text.lines().position(is_content).unwrap_or(0)
    }

    /// The parser names a line of its own in some messages; others name what they are about.
    fn parser_fault(&self, message: &str) -> RuleFault {
        let named = message.split("at line ").nth(1).and_then(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<usize>().ok()
        });
        if let Some(line) = named {
            return RuleFault {
                file: self.file.to_owned(),
                line: self.first_line + line - 1,
                problem: message.to_owned(),
            };
        }
        let lower = message.to_lowercase();
        let mark = message.split('\'').nth(1).filter(|quoted| self.text.contains(quoted)).map(str::to_owned);
        let mark = mark.unwrap_or_else(|| match () {
            () if lower.contains("condition") => "condition:".to_owned(),
            () if lower.contains("correlation") => "correlation:".to_owned(),
            () if lower.contains("detection") => "detection:".to_owned(),
            () => String::new(),
        });
        let hint = match () {
            () if lower.starts_with("missing") => "; add it",
            () if lower.contains("modifier") => {
                "; the modifiers are those of Sigma, such as contains, re, startswith, gt"
            }
            () => "",
        };
        let message: Vec<&str> = message.split_whitespace().collect();
        self.fault(&mark, format!("{}{hint}", message.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn faults(text: &str) -> Vec<RuleFault> {
        let source = RuleText { name: "a.yml".to_owned(), text: text.to_owned() };
        Document::split(&source).iter().filter_map(|document| document.parse().err()).flatten().collect()
    }

    #[test]
    fn a_fault_names_its_file_and_line() {
        let good =
            "title: A\nlogsource: {product: ai, service: llm}\ndetection:\n  s: {content.prompt: x}\n  condition: s\n";
        assert_eq!(faults(good), []);
        assert_eq!(faults("# only a comment\n---\n"), []);
        let check = |text: &str, line: usize, word: &str| {
            let found = faults(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].line == line && found[0].problem.to_lowercase().contains(word), "{text}: {}", found[0]);
        };
        check(&format!("{good}---\n{}", good.replace("title: A\n", "")), 7, "title");
        check(&format!("{good}---\n{}", good.replace("content.prompt", "content.prompt|like")), 10, "like");
        check(&format!("{good}---\n{}", good.replace("condition: s", "condition: s and (")), 11, "condition");
        check(&format!("{good}---\ntitle: [A\nlogsource: {{}}\n"), 8, "yaml");
    }
}
