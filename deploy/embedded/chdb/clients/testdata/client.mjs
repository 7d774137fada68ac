import assert from 'node:assert/strict'
import { createClient } from '@clickhouse/client'

const [port, database, roles, guest] = process.argv.slice(2)
const url = `http://127.0.0.1:${port}`
const rows = async (client, query, more = {}) => (await client.query({ query, format: 'JSONEachRow', ...more })).json()
const refused = async (call, words) => assert.rejects(call, (error) => error.message.includes(words) || assert.fail(`${error.message} does not say ${words}`))

const client = createClient({ url, username: 'default', password: roles, database, session_id: 'of node' })
assert.equal((await client.ping()).success, true)
await client.command({ query: 'CREATE TABLE node (a UInt32, s String) ENGINE = MergeTree ORDER BY a' })
const inserted = await client.insert({ table: 'node', values: [{ a: 1, s: 'one' }, { a: 2, s: "it's\ttwo" }], format: 'JSONEachRow' })
assert.equal(inserted.summary.written_rows, '2')
assert.deepEqual(await rows(client, 'SELECT a, s FROM node ORDER BY a'), [{ a: 1, s: 'one' }, { a: 2, s: "it's\ttwo" }])
// A setting of one query is gone with it.
assert.deepEqual(await rows(client, 'SELECT sum(a) AS n FROM node', { clickhouse_settings: { readonly: '1', output_format_json_quote_64bit_integers: 0 } }), [{ n: 3 }])
await client.insert({ table: 'node', values: [{ a: 3, s: 'three' }], format: 'JSONEachRow' })
await client.command({ query: 'CREATE TEMPORARY TABLE kept (a UInt8)' })
assert.deepEqual(await rows(client, 'SELECT count() AS n FROM kept', { clickhouse_settings: { max_threads: 1, output_format_json_quote_64bit_integers: 0 } }), [{ n: 0 }])
await client.close()

const reader = createClient({ url, username: 'analyst', password: guest, database, compression: { response: true } })
assert.equal((await reader.ping()).success, true)
assert.deepEqual(await rows(reader, 'SELECT max(s) AS s FROM node WHERE a < {most: UInt32}', { query_params: { most: 3 }, clickhouse_settings: { max_execution_time: 10, wait_end_of_query: 1 } }), [{ s: 'one' }])
let read = 0
for await (const part of (await reader.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONCompactEachRow' })).stream()) read += part.length
assert.equal(read, 200000)
await refused(() => reader.insert({ table: 'node', values: [{ a: 4 }], format: 'JSONEachRow' }), 'readonly mode')
await refused(() => reader.command({ query: 'CREATE TABLE never (a UInt8) ENGINE = Memory' }), 'readonly mode')
await refused(() => reader.command({ query: 'SELECT 1', clickhouse_settings: { readonly: '0' } }), 'readonly')
await refused(() => rows(reader, "SELECT file('/etc/passwd')"), 'file()')
// A reader that leaves ends its query.
const leaving = new AbortController()
const slow = rows(reader, 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)', { abort_signal: leaving.signal })
setTimeout(() => leaving.abort(), 300)
await assert.rejects(slow)
// A query is ended from elsewhere by its identifier.
const killed = rows(reader, 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)', { query_id: 'of node' }).then(() => 'answered', (error) => error.message)
while ((await rows(reader, "SELECT 1 FROM system.processes WHERE query_id = 'of node'")).length === 0);
assert.equal((await (await reader.query({ query: "KILL QUERY WHERE query_id = 'of node' SYNC", format: 'JSONEachRow' })).json())[0].kill_status, 'finished')
assert.match(await killed, /cancelled/)
await reader.close()
const stranger = createClient({ url, username: 'analyst', password: 'wrong' })
await refused(() => rows(stranger, 'SELECT 1'), 'Authentication failed')
await stranger.close()
console.log('done')
