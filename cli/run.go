package cli

import (
	"context"
	"errors"
	"io/fs"

	"go.uber.org/zap"

	"tributary/cli/misuse"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/deploy/wiring"
)

// load reads the configuration for a command that runs something, and makes its logger.
func (e *environment) load(from config.Sources) (*config.Loaded, *zap.Logger, error) {
	loaded, err := config.Load(from)
	if err != nil {
		return nil, nil, asUsage(err)
	}
	if err := wiring.FindPassword(&loaded.Config); err != nil {
		return nil, nil, err
	}
	logger, err := process.NewLogger(e.stderrFile(), loaded.Config.Log.Level, loaded.Config.Log.Format)
	if err != nil {
		return nil, nil, misuse.Of(err)
	}
	return loaded, logger, nil
}

// asUsage marks errors of reading the configuration, but those of the file system other than "there is none".
func asUsage(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return err
	}
	return misuse.Of(err)
}

// run runs the units that add puts into a System until a signal. started is called once everything has started.
func (e *environment) run(ctx context.Context, from config.Sources, loaded *config.Loaded, logger *zap.Logger, add func(*wiring.System), started func(*wiring.System)) error {
	process.CrashBySignal()
	ctx, hangups, giveBack := process.WithSignals(ctx)
	defer giveBack()
	defer func() { _ = logger.Sync() }() // a terminal cannot be synced
	if limit := process.LimitMemory(); limit > 0 {
		logger.Debug("limited Go's memory", zap.Int64("bytes", limit))
	}
	system := wiring.New(loaded, logger)
	add(system)
	service := process.NewService(logger)
	system.Reloaded = service.Reloaded
	watching, endWatch := context.WithCancel(context.WithoutCancel(ctx)) // to the end of the stop
	defer endWatch()
	go service.Watch(watching, system.Ready)
	hangups = process.Relay(ctx, hangups, service.Reloading)
	stopping := context.AfterFunc(ctx, func() {
		service.Stopping()
		logger.Info("stopping: finishing the work at hand; a second signal ends at once", zap.NamedError("cause", context.Cause(ctx)))
	})
	defer stopping()
	err := system.Run(ctx, from, hangups, func() {
		if started != nil {
			started(system)
		}
		service.Started()
	})
	if err == nil {
		logger.Info("stopped; everything accepted is kept")
	}
	return err
}
