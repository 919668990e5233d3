package kelp;

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** A Paimon table: inserted, updated by key, deleted from, read as it is and as it was. Arguments: the configuration's folder. */
public final class Tables {
  public static void main(String[] arguments) throws Exception {
    Configuration configuration = Local.configuration(arguments[0]);
    var settings = EnvironmentSettings.newInstance().inBatchMode().withConfiguration(configuration).build();
    TableEnvironment tables = TableEnvironment.create(settings);
    tables.executeSql(Files.readString(Path.of(arguments[0], "paimon.sql")));
    tables.executeSql("USE CATALOG paimon");
    tables.executeSql("CREATE DATABASE shop");
    tables.executeSql("CREATE TABLE shop.t (k BIGINT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2')");
    tables.executeSql("CREATE TEMPORARY TABLE numbers (k BIGINT, v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = "
        + "'5000', 'fields.k.kind' = 'sequence', 'fields.k.start' = '1', 'fields.k.end' = '5000', 'fields.v.length' = '10')");
    tables.executeSql("INSERT INTO shop.t SELECT k, v FROM numbers").await();
    tables.executeSql("INSERT INTO shop.t VALUES (1, 'changed'), (6000, 'new')").await();
    tables.executeSql("DELETE FROM shop.t WHERE k = 2").await();
    print(tables, "now", "");
    print(tables, "first", " /*+ OPTIONS('scan.snapshot-id' = '1') */");
    tables.executeSql("DROP TABLE shop.t");
    tables.executeSql("DROP DATABASE shop");
  }

  private static void print(TableEnvironment tables, String name, String hint) throws Exception {
    String query = "SELECT COUNT(*), SUM(k), COUNT(*) FILTER (WHERE v = 'changed') FROM shop.t" + hint;
    try (var rows = tables.executeSql(query).collect()) {
      System.out.println(name + " " + rows.next());
    }
  }

  private Tables() {}
}
