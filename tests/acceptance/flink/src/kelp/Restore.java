package kelp;

import java.util.concurrent.CountDownLatch;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.plugin.PluginUtils;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;

/**
 * A job that counts keys and writes numbers to S3. A task manager dies after some checkpoints; another takes its place.
 * Arguments: the folder of the configuration, where the numbers go, how many.
 */
public final class Restore {
  static final long KEYS = 500;
  static final CountDownLatch CHECKPOINTS = new CountDownLatch(3);

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

  public static void main(String[] arguments) throws Exception {
    Configuration configuration = Local.configuration(arguments[0]);
    FileSystem.initialize(configuration, PluginUtils.createPluginManagerFromRootFolder(configuration));
    long numbers = Long.parseLong(arguments[2]);
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
    environment.setParallelism(2);
    GeneratorFunction<Long, Long> same = number -> number;
    environment
        .fromSource(new DataGeneratorSource<>(same, numbers, RateLimiterStrategy.perSecond(numbers / 12.0), Types.LONG),
            WatermarkStrategy.noWatermarks(), "numbers")
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
      var result = cluster.requestJobResult(job.getJobID()).get();
      result.toJobExecutionResult(Restore.class.getClassLoader());
      long restarts = cluster.getExecutionGraph(job.getJobID()).get().getCheckpointStatsSnapshot().getCounts()
          .getNumberOfRestoredCheckpoints();
      System.out.println("restored " + restarts);
    }
  }
}
