package join

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"unsafe"

	"tributary/processor/stage"
)

// Clicks repeat themselves: a campaign's name, a country, a browser. Such a part is kept once an epoch as a word of the state, and a
// click has its number. An epoch has a dictionary of its own, so that words go when the last click and book that may need them have
// gone, as a range; epochs are counted by arrival.
const (
	kindWord     = 'w'
	wordsEpochMS = 24 * 60 * 60 * 1000

	// A partition's words of one epoch. What comes when they are full is written out in each click.
	maxWords        = 4096
	maxWordsBytes   = 256 << 10
	maxWordBytes    = 255
	maxWordsFetched = 1024
	// Parts seen once, remembered by hash: one that is never repeated, as another tracker's visit ID in a sub, must not take a word's place.
	onceSlots = 4096
)

var errWords = errors.New("state's words are damaged")

// A reference to a part: partInline and the part with its length, partBlank, or partWord plus the word's number.
const (
	partInline = 0
	partBlank  = 1
	partWord   = 2
)

// words is the dictionary of one partition: the words of the epoch being written, all in memory, and some of older ones.
type words struct {
	epoch   int64
	loaded  bool
	numbers map[string]uint32
	list    []string
	bytes   int
	// settled is how many of list are known to be in the state: a call that fails takes back what it wrote, and this must follow.
	settled int
	once    [onceSlots]uint32
	// fetched are words of older epochs.
	fetched map[wordID]string
	key     []byte
	// gauged is how many words this partition has in the gauge.
	gauged int
}

// gaugeWords corrects the gauge where the number of words has changed.
func (t *task) gaugeWords(n int) {
	if n != t.words.gauged {
		t.wordCount.Add(float64(n - t.words.gauged))
		t.words.gauged = n
	}
}

// A wordID is an epoch and a word's number. One integer, for a map finds it faster than a struct.
type wordID uint64

func newWordID(epoch int64, number uint64) wordID { return wordID(uint64(epoch)<<32 | number) }

// enter readies the words for one call of the task: it forgets what a failed call added, and begins the epoch of the time.
func (w *words) enter(ctx *stage.Context, nowMS int64) error {
	if w.settled < len(w.list) {
		_, kept, err := ctx.State.Get(w.wordKey(w.epoch, uint32(w.settled)))
		if err != nil {
			return err
		}
		if !kept {
			for _, word := range w.list[w.settled:] {
				delete(w.numbers, word)
				w.bytes -= len(word)
			}
			w.list = w.list[:w.settled]
		}
		w.settled = len(w.list)
	}
	if epoch := nowMS / wordsEpochMS; !w.loaded || epoch > w.epoch {
		return w.load(ctx, epoch)
	}
	return nil
}

// load takes the words that an epoch has already into memory.
func (w *words) load(ctx *stage.Context, epoch int64) error {
	w.loaded, w.epoch, w.numbers, w.list, w.bytes, w.settled = false, epoch, map[string]uint32{}, nil, 0, 0
	prefix := w.wordKey(epoch, 0)[:1+8]
	damaged := false
	if err := ctx.State.Scan(prefix, nil, func(key, value []byte) bool {
		if len(key) != len(prefix)+4 || binary.BigEndian.Uint32(key[len(prefix):]) != uint32(len(w.list)) {
			damaged = true
			return false
		}
		w.remember(string(value))
		return true
	}); err != nil {
		return err
	}
	if damaged {
		return fmt.Errorf("%w: word %d of epoch %d is missing", errWords, len(w.list), epoch)
	}
	w.settled, w.loaded = len(w.list), true
	return nil
}

func (w *words) remember(word string) {
	w.numbers[word] = uint32(len(w.list))
	w.list = append(w.list, word)
	w.bytes += len(word)
}

// refer appends a reference to a part, and makes it a word where it is worth one. It allocates for a new word only.
func (w *words) refer(ctx *stage.Context, dst, part []byte) []byte {
	if len(part) == 0 {
		return append(dst, partBlank)
	}
	if number, ok := w.numbers[string(part)]; ok {
		return binary.AppendUvarint(dst, partWord+uint64(number))
	}
	if w.worth(part) {
		number := uint32(len(w.list))
		ctx.State.Put(w.wordKey(w.epoch, number), part)
		w.remember(string(part))
		return binary.AppendUvarint(dst, partWord+uint64(number))
	}
	return append(binary.AppendUvarint(append(dst, partInline), uint64(len(part))), part...)
}

// referText is refer of a text.
func (w *words) referText(ctx *stage.Context, dst []byte, part string) []byte {
	if part == "" {
		return append(dst, partBlank)
	}
	return w.refer(ctx, dst, unsafe.Slice(unsafe.StringData(part), len(part))) // which copies what it keeps
}

// worth tells of a part that is seen for the second time, as far as is known, while there is room.
func (w *words) worth(part []byte) bool {
	if len(part) > maxWordBytes || len(w.list) >= maxWords || w.bytes+len(part) > maxWordsBytes {
		return false
	}
	hash := maphash.Bytes(seed, part)
	slot, mark := &w.once[hash%onceSlots], uint32(hash>>32)
	if *slot == mark {
		return true
	}
	*slot = mark
	return false
}

// word answers a word of any epoch.
func (w *words) word(ctx *stage.Context, epoch int64, number uint64) (string, error) {
	if number >= math.MaxUint32 {
		return "", fmt.Errorf("%w: a word's number is %d, it is less than %d", errWords, number, maxWords)
	}
	if w.loaded && epoch == w.epoch {
		if number < uint64(len(w.list)) {
			return w.list[number], nil
		}
		return "", fmt.Errorf("%w: epoch %d has %d words, a click has word %d", errWords, epoch, len(w.list), number)
	}
	id := newWordID(epoch, number)
	if word, ok := w.fetched[id]; ok {
		return word, nil
	}
	value, ok, err := ctx.State.Find(w.wordKey(epoch, uint32(number)))
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("%w: word %d of epoch %d is missing", errWords, number, epoch)
	}
	if w.fetched == nil || len(w.fetched) >= maxWordsFetched {
		w.fetched = make(map[wordID]string)
	}
	word := string(value)
	w.fetched[id] = word
	return word, nil
}

// wordKey: w · epoch, 8 bytes · number, 4 bytes.
func (w *words) wordKey(epoch int64, number uint32) []byte {
	w.key = binary.BigEndian.AppendUint64(append(w.key[:0], kindWord), uint64(max(epoch, 0)))
	w.key = binary.BigEndian.AppendUint32(w.key, number)
	return w.key
}

// expire removes the words of epochs that ended before a time.
func (w *words) expire(ctx *stage.Context, beforeMS int64) {
	low := append([]byte(nil), w.wordKey(0, 0)[:1]...)
	ctx.State.DeleteRange(low, w.wordKey(beforeMS/wordsEpochMS, 0))
}
