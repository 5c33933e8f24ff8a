//! Which products there are: known are those that a license, a holding or a sharing source names.
//!
//! Whatever names a product for the first time makes it, for good. So only a license may do that
//! by itself; a request that names one nobody knows is a typing mistake until somebody insists.

use super::Engine;
use crate::model::license::License;
use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use std::collections::BTreeSet;

impl Engine {
    /// Every product that this server has anything of, or was told of.
    pub(super) fn known_products(&self) -> BTreeSet<ProductName> {
        let mut known = self.all_products();
        known.extend(self.sources_above.keys().cloned());
        known
    }

    /// The product meant: the one named, or the only one there is.
    pub(super) fn product(&self, named: Option<ProductName>) -> Result<ProductName, Refusal> {
        if let Some(product) = named {
            return Ok(product);
        }
        let known = self.known_products();
        match known.first() {
            None => Err(none_known()),
            Some(product) if known.len() == 1 => Ok(product.clone()),
            Some(_) => Err(Refusal::new(
                "LT0227",
                format!("there are several products: {}", listed(&known)),
                "name one with --product",
            )),
        }
    }

    /// The same, and it must be known here.
    pub(super) fn known_product(&self, named: Option<ProductName>) -> Result<ProductName, Refusal> {
        let product = self.product(named)?;
        let known = self.known_products();
        if known.contains(&product) {
            return Ok(product);
        }
        if known.is_empty() {
            return Err(none_known());
        }
        Err(Refusal::new(
            "LT0231",
            format!("no product {product}; there are: {}", listed(&known)),
            "name one of them, or register a license of it first",
        ))
    }

    /// What `server authorize` says of a product that nobody knows where others are known: a relay
    /// may be the first to register it, so force lets it through. In a tree without any product
    /// nothing can be mistyped.
    pub(super) fn unknown_product(&self, product: &ProductName) -> Option<Refusal> {
        let known = self.known_products();
        (!known.is_empty() && !known.contains(product)).then(|| {
            Refusal::new(
                "LT0231",
                format!("no license of {product} is in the tree; there are: {}", listed(&known)),
                "name one of them; --force authorizes it all the same",
            )
        })
    }

    /// One product has one metric: what counts devices is of no use for sessions.
    pub(super) fn one_metric(&self, license: &License) -> Result<(), Refusal> {
        let same = self.state.licenses.values().map(|row| &row.license);
        let mut other = same.filter(|l| l.product == license.product && l.metric != license.metric);
        let Some(other) = other.next() else { return Ok(()) };
        Err(Refusal::new(
            "LT0230",
            format!(
                "license {} counts {}, and {} is counted in {} here",
                license.serial, license.metric, license.product, other.metric
            ),
            "ask the vendor for a license of the metric that is registered: lictree license list",
        ))
    }
}

fn none_known() -> Refusal {
    Refusal::new(
        "LT0226",
        "no product is known here yet",
        "register a license first: lictree license register FILE",
    )
}

/// At most as many as a line takes, and how many more there are.
fn listed(products: &BTreeSet<ProductName>) -> String {
    let names: Vec<&str> = products.iter().take(10).map(ProductName::as_str).collect();
    match products.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_products_are_listed_whole_and_many_are_counted() {
        let some = |count: usize| (0..count).map(|n| format!("p{n:02}").parse().unwrap()).collect();
        assert_eq!(listed(&some(2)), "p00, p01");
        assert!(listed(&some(12)).ends_with("p09 and 2 more"));
    }
}
