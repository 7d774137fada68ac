package aside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tributary/cli/misuse"
	"tributary/ingest/spool"
)

// RequeueOptions say what to try again.
type RequeueOptions struct {
	// Dir is the spool's folder.
	Dir string
	// Files are the names that List prints; All is every record.
	Files []string
	All   bool
	// Wait is how long to wait for the edge.
	Wait time.Duration
	// Progress is told how many records the edge is done with; nil for nobody.
	Progress func(done, total int)
	Out      io.Writer
}

// ErrRefused says that records were refused again.
var ErrRefused = errors.New("records were refused again")

// lookEvery is how often the folder is looked at for what became of a file.
const lookEvery = 100 * time.Millisecond

// Requeue asks for another try and waits for what becomes of it.
func Requeue(ctx context.Context, o RequeueOptions) error {
	if err := isSpool(o.Dir); err != nil {
		return err
	}
	if o.All == (len(o.Files) > 0) {
		return misuse.Errorf("requeue takes the FILEs that `tributary spool list` prints, or --all, and not both")
	}
	asked, err := o.ask()
	if err != nil {
		return err
	}
	if len(asked) == 0 {
		fmt.Fprintf(o.Out, "No record is set aside in %s.\n", o.Dir)
		return nil
	}
	return o.follow(ctx, asked)
}

// ask renames the files and returns their new names. All that can be asked for are known before the first is renamed.
func (o *RequeueOptions) ask() ([]string, error) {
	var records, waiting []string
	others := map[string]string{}
	err := spool.ReadAside(o.Dir, func(f *spool.AsideFile) error {
		switch {
		case f.Record == nil:
			others[f.Name] = f.Why
		case f.Requeued:
			waiting = append(waiting, f.Name)
		default:
			records = append(records, f.Name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for what is set aside: %w", err)
	}
	if !o.All {
		var wrong []string
		for _, name := range o.Files {
			why, other := others[filepath.Base(name)]
			switch {
			case other:
				wrong = append(wrong, name+" holds no record: "+why)
			case !slices.Contains(records, filepath.Base(name)) && !slices.Contains(waiting, filepath.Base(name)):
				wrong = append(wrong, name+" is not the file of a record in "+filepath.Join(o.Dir, "aside"))
			}
		}
		if len(wrong) > 0 {
			return nil, misuse.Errorf("%s; nothing was requeued. `tributary spool list` prints what there is", strings.Join(wrong, "; "))
		}
		only := func(names []string) []string {
			return slices.DeleteFunc(names, func(name string) bool {
				return !slices.ContainsFunc(o.Files, func(file string) bool { return filepath.Base(file) == name })
			})
		}
		records, waiting = only(records), only(waiting)
	} else if len(others) > 0 {
		fmt.Fprintf(o.Out, "%d files hold no record and stay: `tributary spool list` shows them.\n", len(others))
	}
	for _, name := range records {
		now, err := spool.Requeue(o.Dir, name)
		if errors.Is(err, os.ErrNotExist) {
			continue // somebody else asked for it
		}
		if err != nil {
			return nil, fmt.Errorf("%w; %d records before it are requeued. It takes a user who may write to that folder", err, len(waiting))
		}
		waiting = append(waiting, now)
	}
	return waiting, nil
}

// follow waits until the edge is done with all of them, or Wait is over.
func (o *RequeueOptions) follow(ctx context.Context, asked []string) error {
	limited, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var refused []string
	left := slices.Clone(asked)
	for {
		left = slices.DeleteFunc(left, func(name string) bool {
			waits, again := spool.AsideState(o.Dir, name)
			if again {
				refused = append(refused, name)
			}
			return !waits
		})
		if o.Progress != nil {
			o.Progress(len(asked)-len(left), len(asked))
		}
		if len(left) == 0 {
			break
		}
		select {
		case <-ticker.C:
			continue
		case <-limited.Done():
		}
		break
	}
	fmt.Fprintf(o.Out, "Of %d records Kafka has %d now.\n", len(asked), len(asked)-len(left)-len(refused))
	if len(left) > 0 {
		fmt.Fprintf(o.Out, "%d wait: the edge of %s takes them when it runs and reaches Kafka. They count once, however often this is run.\n", len(left), o.Dir)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(refused) > 0 {
		return fmt.Errorf("%w: %d of %d; the edge's log says why, and they are set aside as before", ErrRefused, len(refused), len(asked))
	}
	return nil
}
