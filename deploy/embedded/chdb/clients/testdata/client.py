import sys
import threading
import clickhouse_connect
from clickhouse_connect.driver.external import ExternalData
from clickhouse_connect.driver.exceptions import DatabaseError

port, database, roles, guest = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


def refused(what, call):
    try:
        call()
    except DatabaseError as error:
        return str(error)
    raise SystemExit(f"{what} was not refused")


client = clickhouse_connect.get_client(host="127.0.0.1", port=port, username="default", password=roles, database=database)
client.command("CREATE TABLE python (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
assert client.insert("python", [[1, "one"], [2, "it's\ttwo"]], column_names=["a", "s"]).written_rows == 2
assert client.query("SELECT a, s FROM python ORDER BY a").result_rows == [(1, "one"), (2, "it's\ttwo")]
# A setting of one query is gone with it.
assert client.query("SELECT count() FROM python", settings={"readonly": 1}).result_rows == [(2,)]
assert client.query("SELECT sum(a) FROM python", settings={"readonly": "2", "max_block_size": 7}).result_rows == [(3,)]
client.insert("python", [[3, "three"]], column_names=["a", "s"])
client.command("ALTER TABLE python ADD COLUMN b UInt8")
assert client.query("SELECT getSetting('max_block_size') != 7").result_rows == [(1,)]
# A session keeps what it made.
client.command("SET join_use_nulls = 1")
client.command("CREATE TEMPORARY TABLE kept (a UInt8)")
client.command("INSERT INTO kept VALUES (5)")
assert client.query("SELECT a FROM kept", settings={"max_threads": 1}).result_rows == [(5,)]
client.close()

client = clickhouse_connect.get_client(host="127.0.0.1", port=port, username="analyst", password=guest, database=database)
assert client.query("SELECT count(), max(s) FROM python").result_rows == [(3, "three")]
assert client.query("SELECT a FROM python WHERE a > {least:UInt32} ORDER BY a", parameters={"least": 1}, settings={"max_threads": 1}).result_rows == [(2,), (3,)]
with client.query_row_block_stream("SELECT number FROM numbers(200000)") as stream:
    assert sum(len(block) for block in stream) == 200000
assert client.command("SELECT currentDatabase()") == database
refused("an insert", lambda: client.insert("python", [[4, "four"]], column_names=["a", "s"]))
refused("a table", lambda: client.command("CREATE TABLE never (a UInt8) ENGINE = Memory"))
assert "file()" in refused("a file", lambda: client.query("SELECT file('/etc/passwd')"))
assert client.query("SELECT 1").result_rows == [(1,)]
# Data that come with a query, for this query alone.
wanted = ExternalData(file_name="wanted.csv", data=b"2,two\n3,drei\n", fmt="CSV", structure=["a UInt32", "word String"])
assert client.query("SELECT a, word FROM python JOIN wanted USING a ORDER BY a", external_data=wanted).result_rows == [(2, "two"), (3, "drei")]
# A query is ended from elsewhere by its identifier.
results = []


def endless():
    try:
        results.append(client.query("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)", settings={"query_id": "of python"}))
    except DatabaseError as error:
        results.append(str(error))


other = clickhouse_connect.get_client(host="127.0.0.1", port=port, username="analyst", password=guest, database=database)
busy = threading.Thread(target=endless)
busy.start()
while not other.query("SELECT 1 FROM system.processes WHERE query_id = 'of python'").result_rows:
    assert busy.is_alive(), results
assert other.query("KILL QUERY WHERE query_id = 'of python' SYNC").result_rows[0][0] == "finished"
busy.join(30)
assert len(results) == 1 and "QUERY_WAS_CANCELLED" in results[0], results
summary = other.query("SELECT number FROM numbers(3)").summary
assert summary["result_rows"] == "3" and summary["query_id"], summary
other.close()
client.close()
refused("a wrong password", lambda: clickhouse_connect.get_client(host="127.0.0.1", port=port, username="analyst", password="wrong"))
print("done")
