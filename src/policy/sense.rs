use super::{Policy, Standing, Truth};

impl Policy {
    /// What cannot be meant, a sentence each: names that stand for nothing or for several things, and what says the same to everybody without
    /// being exactly `public`, `optional` or `deny`.
    pub(crate) fn nonsense(&self) -> Vec<String> {
        let mut faults = self.faults_of_names();
        if self.standing() == Standing::Rule && self.is_always_met() {
            faults.push(format!(
                "`{self}` lets everybody through, but not with a bad token: say `public` or `optional` alone, with the reason"
            ));
        }
        faults.extend(self.constant_parts());
        faults
    }

    /// The same of a policy that has to guard: `public` and `optional` are no better than what amounts to them.
    pub(super) fn nonsense_as_a_guard(&self) -> Vec<String> {
        let mut faults = self.faults_of_names();
        if self.is_always_met() {
            faults.push(format!(
                "`{self}` guards nothing, and a name has to: say `public` or `optional` where the route is, with the reason"
            ));
        }
        faults.extend(self.constant_parts());
        faults
    }

    /// Whether it refuses nobody, whatever the token says and without one.
    pub(crate) fn is_always_met(&self) -> bool {
        !self.can_be(Truth::No) && !self.can_be(Truth::Unknown)
    }

    fn faults_of_names(&self) -> Vec<String> {
        let twice = self.ambiguous_rules().into_iter();
        let twice =
            twice.map(|name| format!("rule({name}) stands for rules of several types: name them apart"));
        let missing = self.unbound_terms().into_iter();
        missing
            .map(|(kind, name)| {
                let (what, giver) =
                    if kind == "rule" { ("policy", "with_rule") } else { ("function", "with") };
                format!("{kind}({name}) has no {what}: give it by `Checks::{giver}`")
            })
            .chain(twice)
            .collect()
    }

    /// What makes a policy that is met by some, or should be, say the same to everybody.
    fn constant_parts(&self) -> Vec<String> {
        if self.standing() != Standing::Rule || self.is_always_met() {
            return Vec::new();
        }
        if !self.can_be(Truth::Yes) {
            return vec![format!("nobody can ever meet `{self}`: say `deny` where that is meant")];
        }
        let names = self.constants_within().into_iter();
        names
            .map(|name| {
                format!(
                    "`{name}` in `{self}` says the same to everybody: leave it out, or what stands beside it"
                )
            })
            .collect()
    }
}
