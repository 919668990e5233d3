package kelp;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiter;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.plugin.PluginUtils;
import org.apache.flink.runtime.checkpoint.AbstractCheckpointStats;
import org.apache.flink.runtime.checkpoint.CheckpointStatsSnapshot;
import org.apache.flink.runtime.checkpoint.CheckpointStatsStatus;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;

/**
 * A job that counts keys and writes numbers to S3. A task manager dies after some checkpoints; another takes its place.
 * Arguments: the folder of the configuration, where the numbers go, how many, in how many seconds.
 */
public final class Restore {
  static final long KEYS = 500;
  static final CountDownLatch CHECKPOINTS = new CountDownLatch(3);
  static final CompletableFuture<Void> DIED = new CompletableFuture<>();

  /** Appends to each number how many of its key came before: wrong when state is lost or used twice. */
  static final class Count extends RichMapFunction<Long, String> implements CheckpointListener {
    private transient ValueState<Long> count;

    @Override
    public void open(Configuration ignored) {
      count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
    }

    @Override
    public String map(Long number) throws Exception {
      long before = count.value() == null ? 0 : count.value();
      count.update(before + 1);
      return number + " " + before;
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) {
      CHECKPOINTS.countDown();
    }
  }

  /** Lets numbers through at the rate of another; after `left` of them only when the task manager has died. */
  static final class Halting implements RateLimiter {
    private final RateLimiter rate;
    private long left;

    Halting(RateLimiter rate, long left) {
      this.rate = rate;
      this.left = left;
    }

    @Override
    public CompletionStage<Void> acquire() {
      return left-- > 0 || DIED.isDone() ? rate.acquire() : DIED.copy();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Configuration configuration = Local.configuration(arguments[0]);
    FileSystem.initialize(configuration, PluginUtils.createPluginManagerFromRootFolder(configuration));
    long numbers = Long.parseLong(arguments[2]);
    double seconds = Double.parseDouble(arguments[3]);
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
    environment.setParallelism(2);
    GeneratorFunction<Long, Long> same = number -> number;
    RateLimiterStrategy steady = RateLimiterStrategy.perSecond(numbers / seconds);
    RateLimiterStrategy halting = readers -> new Halting(steady.createRateLimiter(readers), numbers / 2 / readers);
    environment
        .fromSource(new DataGeneratorSource<>(same, numbers, halting, Types.LONG), WatermarkStrategy.noWatermarks(), "numbers")
        .keyBy(number -> number % KEYS)
        .map(new Count())
        .sinkTo(FileSink.forRowFormat(new org.apache.flink.core.fs.Path(arguments[1]),
                new SimpleStringEncoder<String>("UTF-8"))
            .withRollingPolicy(OnCheckpointRollingPolicy.build()).build());
    MiniClusterConfiguration machines = new MiniClusterConfiguration.Builder().setConfiguration(configuration)
        .setNumTaskManagers(2).setNumSlotsPerTaskManager(1).build();
    try (MiniCluster cluster = new MiniCluster(machines)) {
      cluster.start();
      var job = environment.getStreamGraph().getJobGraph();
      cluster.submitJob(job).get();
      CHECKPOINTS.await();
      cluster.terminateTaskManager(0).get();
      cluster.startTaskManager();
      DIED.complete(null);
      var result = cluster.requestJobResult(job.getJobID()).get();
      result.toJobExecutionResult(Restore.class.getClassLoader());
      CheckpointStatsSnapshot checkpoints = cluster.getExecutionGraph(job.getJobID()).get().getCheckpointStatsSnapshot();
      System.out.println("restored " + checkpoints.getCounts().getNumberOfRestoredCheckpoints());
      for (AbstractCheckpointStats checkpoint : checkpoints.getHistory().getCheckpoints()) {
        if (checkpoint.getStatus() == CheckpointStatsStatus.COMPLETED) {
          System.out.println("checkpoint of " + checkpoint.getEndToEndDuration() + " ms");
        }
      }
    }
  }
}
