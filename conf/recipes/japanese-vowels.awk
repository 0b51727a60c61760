# Utterances, a step a line and a line of ones after each, to lines of JSON with features and label.
#   -v counts="30 30 ...": utterances of each speaker, in order
BEGIN { split(counts, of, " "); speaker = 1 }
{ sub(/\r$/, "") }
NF == 0 || $1 == 1 && $12 == 1 {
    if (steps) {
        printf "{\"features\":[%s],\"label\":\"%d\"}\n", steps, speaker
        if (++said == of[speaker]) { speaker++; said = 0 }
    }
    steps = ""
    next
}
{
    step = $1
    for (i = 2; i <= 12; i++) step = step "," $i
    steps = steps (steps ? "," : "") "[" step "]"
}
