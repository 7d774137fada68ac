// Package outbound looks at what destinations were told, and has it told again.
//
// Place in the flow: behind `tributary outbound list`, `show`, `resend` and `test`. Rows are ClickHouse's, table outbound_attempts; what a
// request says is in the topic outbound.requests, where a resend is written too: so it works from any machine.
//
// Not responsible for: delivery (sink/outbound).
package outbound
