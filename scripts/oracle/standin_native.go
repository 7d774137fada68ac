package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// protocolRevision is what the stand-in says it speaks: old enough to need nothing special, new enough for every column.
const protocolRevision = 54460

// A Row is one row of a table: its cells as text, by column. Money is in micros, a time in Unix milliseconds.
type Row map[string]string

func (r Row) number(column string) int64 {
	n, _ := strconv.ParseInt(r[column], 10, 64)
	return n
}

// decodeNative reads the blocks of an INSERT … FORMAT Native.
func decodeNative(body []byte) ([][]Row, error) {
	reader := proto.NewReader(bytes.NewReader(body))
	var blocks [][]Row
	for {
		columns, err := reader.UVarInt()
		if errors.Is(err, io.EOF) && len(blocks) > 0 {
			return blocks, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a block's number of columns: %w", err)
		}
		rows, err := reader.UVarInt()
		if err != nil {
			return nil, fmt.Errorf("reading a block's number of rows: %w", err)
		}
		if columns > 1000 || rows > 1<<20 {
			return nil, fmt.Errorf("a block of %d columns and %d rows is none", columns, rows)
		}
		var results proto.Results
		if err := results.Auto().DecodeResult(reader, 0, proto.Block{Columns: int(columns), Rows: int(rows)}); err != nil {
			return nil, fmt.Errorf("reading a block: %w", err)
		}
		block := make([]Row, rows)
		for i := range block {
			block[i] = make(Row, columns)
		}
		for _, c := range results {
			cell, err := cells(c.Data)
			if err != nil {
				return nil, fmt.Errorf("reading column %s: %w", c.Name, err)
			}
			for i := range block {
				block[i][c.Name] = cell(i)
			}
		}
		blocks = append(blocks, block)
	}
}

// cells answers how one cell of a column is written.
func cells(column proto.ColResult) (func(int) string, error) {
	switch c := column.(type) {
	case *proto.ColStr:
		return c.Row, nil
	case *proto.ColLowCardinality[string]:
		return c.Row, nil
	case *proto.ColUInt8:
		return func(i int) string { return strconv.FormatUint(uint64((*c)[i]), 10) }, nil
	case *proto.ColUInt32:
		return func(i int) string { return strconv.FormatUint(uint64((*c)[i]), 10) }, nil
	case *proto.ColUInt64:
		return func(i int) string { return strconv.FormatUint((*c)[i], 10) }, nil
	case *proto.ColInt32:
		return func(i int) string { return strconv.FormatInt(int64((*c)[i]), 10) }, nil
	case *proto.ColInt64:
		return func(i int) string { return strconv.FormatInt((*c)[i], 10) }, nil
	case *proto.ColDecimal64:
		return func(i int) string { return strconv.FormatInt(int64((*c)[i]), 10) }, nil
	case *proto.ColDateTime64:
		return func(i int) string { return strconv.FormatInt(int64(c.Data[i]), 10) }, nil
	case *proto.ColFloat64:
		return func(i int) string { return strconv.FormatFloat((*c)[i], 'g', -1, 64) }, nil
	case *proto.ColBool:
		return func(i int) string { return strconv.FormatBool((*c)[i]) }, nil
	case *proto.ColIPv6:
		return func(i int) string { return fmt.Sprintf("%x", c.Row(i)) }, nil
	case *proto.ColArr[string]:
		return func(i int) string { return strings.Join(c.Row(i), "|") }, nil
	case *proto.ColArr[uint32], *proto.ColArr[uint64], *proto.ColArr[float64]:
		return func(int) string { return "" }, nil // the numbers behind a score are not compared
	}
	return nil, fmt.Errorf("the stand-in knows no column of type %s (%T)", column.Type(), column)
}

// answerBlock encodes a result.
func answerBlock(columns ...proto.InputColumn) []byte {
	var buffer proto.Buffer
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: len(columns), Rows: columns[0].Data.Rows()}
	if err := block.EncodeBlock(&buffer, protocolRevision, columns); err != nil {
		panic(fmt.Sprintf("oracle: encoding the stand-in's answer: %v", err))
	}
	return buffer.Buf
}

// month is toYYYYMM of Unix milliseconds.
func month(ms int64) int {
	t := time.UnixMilli(ms).UTC()
	return t.Year()*100 + int(t.Month())
}
