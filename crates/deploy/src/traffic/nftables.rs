//! The kernel's own switch: an nft ruleset that redirects the public port to a slot's.
//!
//! One transaction replaces the app's own table and touches no other. Both hooks are
//! needed: `prerouting` sees what comes from outside, `output` what the host itself
//! sends. `fib daddr type local` keeps the rules off connections that merely pass
//! through the host, or leave it for another host's same port. Established connections
//! are not touched: conntrack keeps each on the slot that it began on, and only a
//! connection's first packet is redirected, for one that began before there were rules is
//! new to conntrack with any packet.

/// Matches the packet that begins a connection.
const FIRST: &str = "tcp flags & (fin | syn | rst | ack) == syn";

/// Returns the rules that lead from the public port to another one of the host.
pub(crate) fn ruleset(table: &str, public: u16, port: u16) -> String {
    let chain = |hook: &str| {
        format!(
            "\tchain {hook} {{\n\
             \t\ttype nat hook {hook} priority -100; policy accept;\n\
             \t\tfib daddr type local {FIRST} tcp dport {public} redirect to :{port}\n\t}}\n"
        )
    };
    format!(
        "add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{}{}}}\n",
        chain("prerouting"),
        chain("output")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ruleset_replaces_its_own_table_in_both_hooks() {
        let text = ruleset("stagegate_guestbook", 8080, 8082);
        let begin = "add table inet stagegate_guestbook\ndelete table inet stagegate_guestbook\n";
        assert!(text.starts_with(begin), "{text}");
        for hook in ["prerouting", "output"] {
            assert!(text.contains(&format!("type nat hook {hook} ")), "{text}");
        }
        assert_eq!(text.matches("dport 8080 redirect to :8082").count(), 2);
    }
}
