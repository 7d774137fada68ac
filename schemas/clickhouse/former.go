package clickhouse

// former are the checksums of the texts that files of migrations had when they made views and rollups too. What they
// did to other tables is the same, and views are made from their definitions now: a database that has had one has had
// the migration. testdata/former.zip has the texts.
var former = map[uint32]string{
	5:  "09c29f0edcb216abfe093f8db13b8cd42afd24ccea3cc97798da4858313383f1",
	6:  "864c3e0c0e43981891d701af5f7590287ee8f11fe2c674e21586e3626dce4356",
	8:  "1dfbbdac89ab8e1affa0cee8cb6ef3dfaff705ddf33c9951c705654b79c5bc46",
	10: "afb44dc920601d8d13fa4a0d647bcf17853335573e58b2978748255bf7b9937b",
	12: "91af9f8a64568916448060e60efe6b05e6b0c2ab4e028a8ccb364af99109d9be",
	13: "8ae783bb37e267cb8b794cb9211f51acfc074001a3fd1f2d2efec3e26af4bb5c",
	14: "03dedc2a5bb6d55e9219e8929debfd06366bed21cd03bc6ac5e0acaa5ec2a3fa",
	15: "ea480dbdbab32286fb60e157e327d942c90024d5bd0de795ee01cbb59c9f8245",
	16: "81f5ad3c964157539073d9fb22f31a62b3e03c1d8cd9e2c2c1db91e999e9d64f",
	18: "35d4728323517f68f6351774288264ffa50f6fab31c8de94dcabe154e35436d5",
}

// is: a database with this checksum has had the migration.
func (m *Migration) is(checksum string) bool {
	return checksum == m.Checksum || checksum == former[m.Version] && checksum != ""
}
