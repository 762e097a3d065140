use super::{GuardedRouter, recipe::Recipe};
use crate::{
    error::ConfigError,
    policy::{Checks, LivePolicies, Policies, Use},
};
use std::{collections::BTreeMap, sync::Arc};

impl<S> GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// Gives the routes that were added so far the policies that they ask for by [`name`](super::named), and a handle to
    /// replace them while the program runs.
    ///
    /// A `check(…)` in a policy takes its function from `checks`, and a `rule(…)` its policy, now and at each reload. Routes that are added later,
    /// or come by `nest` and `merge`, keep what they were given, or wait for a later call.
    ///
    /// ```
    /// use tower_bearer::{guard::{GuardedRouter, guarded, named}, policy::{Checks, Policies}};
    ///
    /// # async fn list() {}
    /// # async fn create() {}
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let text = r#"
    ///     "orders.read" = "scope(orders:read)"
    ///     "orders.write" = "scope(orders:write) & role(clerk)"
    /// "#;
    /// let routes: GuardedRouter = GuardedRouter::new()
    ///     .route("/orders", guarded::get(named("orders.read"), list).post(named("orders.write"), create));
    /// let (routes, live) = routes.with_policies(&toml::from_str(text)?, Checks::new())?;
    /// assert_eq!(routes.table().to_string(), "\
    /// method  path     policy                             name          reason
    /// GET     /orders  scope(orders:read)                 orders.read
    /// POST    /orders  scope(orders:write) & role(clerk)  orders.write
    /// ");
    ///
    /// // On a signal, when the file has changed, …: for all routes at once, or not at all.
    /// let misspelt = live.reload(&toml::from_str(r#""orders.raed" = "scope(orders:read)""#)?);
    /// assert_eq!(misspelt.unwrap_err().to_string(), "\
    /// the configuration cannot work
    ///   orders.raed: no route asks for it
    ///   orders.read: there is no policy of this name; asked for by GET /orders
    ///   orders.write: there is no policy of this name; asked for by POST /orders");
    /// assert_eq!(routes.table().rows()[0].policy().to_string(), "scope(orders:read)");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Everything that is wrong, all at once, each under its name:
    ///
    /// 1. a name that a route asks for and that is not there; one that is there and no route asks for; one that is
    ///    there twice;
    /// 2. a text that is no policy, with the position in it;
    /// 3. a `check(…)` or a `rule(…)` that is not in `checks`; and a rule that a route's handler asks for
    ///    ([`Allowed`](super::Allowed)) and that its policy has not;
    /// 4. a policy that nobody can meet and that is not exactly `deny`, and whatever else
    ///    [`RouteTable::check`](super::RouteTable::check) would find in one;
    /// 5. `public(…)`, `optional(…)`, and whatever else lets everybody through: a file can change who may pass a guard,
    ///    and never take it away. What is open is said in the code, where the route is.
    pub fn with_policies(
        self,
        policies: &Policies,
        checks: Checks,
    ) -> Result<(Self, LivePolicies), ConfigError> {
        let live = LivePolicies::new(policies, self.waiting(), checks)?;
        let Self { shape, mut rows, forgotten, recipe } = self;
        for guard in rows.values_mut().flatten() {
            *guard = guard.bound(&live);
        }
        let for_steps = live.clone();
        let recipe = Recipe::new(move |gate| recipe.make(&gate.with(for_steps.clone())));
        Ok((Self { shape, rows, forgotten, recipe }, live))
    }

    /// The names without a policy, each with the routes that ask for it.
    fn waiting(&self) -> BTreeMap<Arc<str>, Vec<Use>> {
        let mut names: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((path, answers), guards) in &self.rows {
            for guard in guards {
                let Some(name) = guard.waits_for() else { continue };
                let place = format!("{} {path}", answers.name());
                names.entry(Arc::clone(name)).or_default().push(guard.used_at(place));
            }
        }
        names
    }
}
