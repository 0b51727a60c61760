package org.rondo.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.bench.Shape;
import scala.collection.immutable.ArraySeq;

/** Rows scored by ONNX Runtime in mapPartitions, as it is done without more: {@value #BATCH} rows at a time as they come, padded to the longest, one
 *  session a task on one thread. The log-probabilities of the tokens alone leave the session, not those of the whole vocabulary. */
final class OnnxRows implements MapPartitionsFunction<Row, Row> {
    static final StructType SCHEMA = new StructType().add("id", DataTypes.LongType, false).add("text", DataTypes.StringType)
            .add("logProbabilities", DataTypes.createArrayType(DataTypes.FloatType, false)).add("perplexity", DataTypes.DoubleType);
    private static final long serialVersionUID = 1;
    private static final int BATCH = 64;

    private final byte[] onnx;
    private final Vocabulary words;

    OnnxRows(Model model, Shape shape) {
        this.onnx = OnnxScoring.languageModel(shape);
        this.words = model.lexicon().words();
    }

    @Override public Iterator<Row> call(Iterator<Row> rows) throws OrtException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        OrtSession session;
        try (OrtSession.SessionOptions options = OnnxScoring.oneThread()) {
            session = environment.createSession(onnx, options);
        }
        return new Iterator<>() {
            private List<Row> scored = List.of();
            private int at;

            @Override public boolean hasNext() {
                try {
                    if (at == scored.size() && rows.hasNext()) {
                        List<Row> batch = new ArrayList<>();
                        while (batch.size() < BATCH && rows.hasNext()) batch.add(rows.next());
                        scored = score(environment, session, batch);
                        at = 0;
                    }
                    if (at == scored.size()) session.close();
                } catch (OrtException e) {
                    throw new IllegalStateException(e);
                }
                return at < scored.size();
            }

            @Override public Row next() {
                if (at == scored.size()) throw new NoSuchElementException();
                return scored.get(at++);
            }
        };
    }

    private List<Row> score(OrtEnvironment environment, OrtSession session, List<Row> batch) throws OrtException {
        Lexicon lexicon = Lexicon.of(words);
        int B = batch.size();
        List<int[]> lines = batch.stream().map(row -> words.encode(row.getString(1))).toList();
        int T = lines.stream().mapToInt(line -> line.length).max().orElseThrow();
        int[] ids = new int[B * T], targets = new int[B * T];
        for (int b = 0; b < B; b++) {
            int[] line = lines.get(b), before = lexicon.before(line);
            for (int t = 0; t < line.length; t++) {
                ids[t * B + b] = before[t];
                targets[t * B + b] = line[t];
            }
        }
        float[] logs;
        try (OnnxTensor in = OnnxTensor.createTensor(environment, IntBuffer.wrap(ids), new long[] {T, B});
             OnnxTensor wanted = OnnxTensor.createTensor(environment, IntBuffer.wrap(targets), new long[] {(long) B * T, 1});
             OrtSession.Result result = session.run(Map.of("ids", in, "targets", wanted))) {
            logs = OnnxScoring.floats(result, "logs");
        }
        List<Row> scored = new ArrayList<>(B);
        for (int b = 0; b < B; b++) {
            float[] own = new float[lines.get(b).length];
            double sum = 0;
            for (int t = 0; t < own.length; t++) sum += own[t] = logs[t * B + b];
            scored.add(RowFactory.create(batch.get(b).getLong(0), batch.get(b).getString(1), ArraySeq.unsafeWrapArray(own), Math.exp(-sum / own.length)));
        }
        return scored;
    }
}
