package process

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger writes to out. format is auto, console or json; auto is console when out is a terminal. level is debug,
// info, warn or error.
func NewLogger(out *os.File, level, format string) (*zap.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("setting the log level: %w", err)
	}
	terminal := IsTerminal(out)
	if format == "auto" {
		format = "json"
		if terminal {
			format = "console"
		}
	}
	var encoder zapcore.Encoder
	switch format {
	case "json":
		c := zap.NewProductionEncoderConfig()
		c.TimeKey, c.EncodeTime, c.EncodeDuration = "time", zapcore.RFC3339NanoTimeEncoder, zapcore.StringDurationEncoder
		encoder = zapcore.NewJSONEncoder(c)
	case "console":
		c := zap.NewDevelopmentEncoderConfig()
		c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		c.EncodeLevel = zapcore.CapitalLevelEncoder
		if terminal && os.Getenv("NO_COLOR") == "" {
			c.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
		c.CallerKey, c.StacktraceKey = "", ""
		encoder = zapcore.NewConsoleEncoder(c)
	default:
		return nil, fmt.Errorf("setting the log format: %q is none of auto, console, json", format)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(out), at)), nil
}

// IsTerminal tells whether a person is likely to look at f.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
