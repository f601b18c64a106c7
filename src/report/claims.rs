//! The article's claims beside what these runs say of them.

use maud::{Markup, html};

use super::tables::badge;
use crate::article::{Article, Claim, GroupClaims, SUMMARY};

/// One row a claim, one column a group of runs.
pub fn section(article: &Article) -> Markup {
    let Article { parts, conclusion } = article;
    html! {
        section id="claims" {
            h2 { "The article’s claims" }
            p { cite { "SNRAdam: Improving the Adam Optimizer" } ". " (SUMMARY) }
            div.scroll { table.claims {
                thead { tr { th scope="col" { "claim" } @for part in parts { th scope="col" { (heading(part)) } } } }
                tbody {
                    @for (i, claim) in parts[0].claims.iter().enumerate() {
                        tr {
                            th scope="row" { (claim.claim) }
                            @for part in parts { td data-label=(part.title) { (said(&part.claims[i])) } }
                        }
                    }
                    tr {
                        th scope="row" { (conclusion.claim) }
                        td colspan=(parts.len()) { (said(conclusion)) " " span.fact { (conclusion.fact) } }
                    }
                }
            } }
        }
    }
}

fn heading(part: &GroupClaims) -> Markup {
    html! {
        (part.title)
        @if !part.departures.is_empty() { small { " Not the article’s setting: " (part.departures) "." } }
    }
}

fn said(claim: &Claim) -> Markup {
    badge(claim.verdict, &claim.word)
}
