/// One step of a pre-tokenizer: it cuts each piece that the step before left.
public enum SplitStep: Sendable, Equatable {
    /// What becomes of the matches that a text is cut at.
    public enum Behavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    /// At the matches of a pattern; `inverts` takes for a match what is none.
    case split(Pattern, Behavior, inverts: Bool)
    /// At digits, one by one or run by run.
    case digits(individually: Bool)
    /// At ASCII signs and what Unicode calls punctuation.
    case punctuation(Behavior)
    /// At white space, which is dropped.
    case whiteSpace
    /// Spells bytes by characters of GPT-2's alphabet, after a space before each piece and after GPT-2's pattern where it says so.
    case byteLevel(addsPrefixSpace: Bool, usesPattern: Bool)
}
