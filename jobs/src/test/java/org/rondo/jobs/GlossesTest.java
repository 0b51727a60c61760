package org.rondo.jobs;

import java.io.StringReader;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class GlossesTest {

    /** In the format of wndb(5WN), made up. */
    @Test void aDefinitionIsWhatFollowsTheBarWithoutItsExamples() {
        assertEquals(List.of("having a colour", "to turn (something) round; to revolve", "a pipe | of clay", "no example here"),
                Glosses.read(new StringReader("""
                          1 This stands for the licence, in lines that start with blanks | and may have a bar
                          2 and more of it
                        00001740 00 a 01 coloured 0 001 ! 00002098 a 0101 | having a colour; "a coloured ribbon"; "coloured glass" \s
                        00002325 29 v 01 turn 1 000 01 + 02 00 | to turn (something) round; to revolve; "the wheel turns" \s
                        00003131 06 n 01 pipe 0 000 | a pipe | of clay \s
                        00003356 06 n 01 quote 0 000 | "nothing but an example" \s
                        00003553 06 n 01 bare 0 000 | no example here \s
                        """)));
    }
}
