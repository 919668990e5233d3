package kelp;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;

/** What a cluster of one process needs beside the page's configuration. */
final class Local {
  static Configuration configuration(String folder) {
    Configuration configuration = GlobalConfiguration.loadConfiguration(folder);
    configuration.setString("execution.checkpointing.interval", "1500 ms");
    configuration.setString("web.checkpoints.history", "1000");
    configuration.setString("restart-strategy.type", "fixed-delay");
    configuration.setString("restart-strategy.fixed-delay.attempts", "10");
    configuration.setString("restart-strategy.fixed-delay.delay", "500 ms");
    configuration.setString("heartbeat.interval", "1000");
    configuration.setString("state.storage.fs.memory-threshold", "0 kb");
    configuration.setString("taskmanager.memory.network.min", "32mb");
    configuration.setString("taskmanager.memory.network.max", "32mb");
    configuration.setString("rest.bind-address", "127.0.0.1");
    configuration.setString("rest.address", "127.0.0.1");
    configuration.setString("rest.port", "0");
    configuration.setString("rest.bind-port", "0");
    return configuration;
  }

  private Local() {}
}
