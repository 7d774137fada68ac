// Package personal writes what identifies a person (email, phone, the advertiser's own user ID) as each ad platform wants it: brought to
// one form, then hashed with SHA-256. What is hashed already stays as it is, so nothing is hashed twice.
//
// Place in the flow: sink/outbound/protocol calls it for each field of a conversion API; whoever decides what is told may call it
// before, with the same outcome. Addresses of visitors, user agents and click IDs are never hashed and do not come here.
//
// Concurrency: pure functions. Not responsible for: which fields a platform takes (sink/outbound/protocol), consent.
package personal
