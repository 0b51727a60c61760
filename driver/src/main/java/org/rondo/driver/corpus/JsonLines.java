package org.rondo.driver.corpus;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import java.util.Map;

/** A line is a JSON object. Keeps the line. */
final class JsonLines implements Format {
    private static final long serialVersionUID = 1;
    private static final ObjectMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();      // to say where a NaN is, if it matters

    private final Columns columns;

    JsonLines(Columns columns) {
        this.columns = columns;
    }

    static Map<String, Object> parse(String line) throws Broken {
        try {
            Map<String, Object> object = line.stripLeading().startsWith("{") ? JSON.readValue(line, new TypeReference<>() { }) : null;
            if (object == null) throw new Broken("'" + Example.brief(line) + "', expected a JSON object");
            return object;
        } catch (JsonProcessingException e) {
            String message = e.getOriginalMessage().lines().findFirst().orElse("");
            throw new Broken("no JSON: " + message + (e.getLocation() == null ? "" : " at column " + e.getLocation().getColumnNr()));
        }
    }

    @Override public List<Example> read(Records.Record record, boolean first) {
        String line = record.lines().get(0);
        if (line.isBlank()) return List.of();
        try {
            return List.of(columns.example(parse(line)::get, line));
        } catch (Broken e) {
            return List.of(Example.broken(e.getMessage(), 0, line));
        }
    }
}
