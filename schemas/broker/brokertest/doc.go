// Package brokertest gives tests a broker in a state that real ones leave behind.
//
// Place in the flow: none; tests only. It lies beside what has to cope with it (EachVisible, EachLeft of package broker).
//
// The broker is kfake on a folder of the test's, which ends with it. Not responsible for: brokers that are in order
// (kfake itself), how the embedded broker mends its files (deploy/embedded).
package brokertest
