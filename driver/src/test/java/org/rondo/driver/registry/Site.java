package org.rondo.driver.registry;

import java.io.IOException;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/** A local disk, and a HDFS: a name node and a data node in this JVM, spoken to over sockets. */
final class Site implements AutoCloseable {
    private final java.nio.file.Path local;
    private final MiniDFSCluster cluster;

    Site(java.nio.file.Path local) throws IOException {
        this.local = local;
        Configuration conf = new Configuration();
        conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, local.resolve("hdfs").toString());
        cluster = new MiniDFSCluster.Builder(conf).numDataNodes(1).build();
    }

    /** Directories to write to. */
    Stream<String> stores() {
        return Stream.of(local.toString(), "hdfs://localhost:" + cluster.getNameNodePort() + "/registries");
    }

    @Override public void close() {
        cluster.shutdown();
    }
}
