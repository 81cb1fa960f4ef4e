/// A text that is made of parts, within the limits.
struct TextBuilder {
    private(set) var text = Text()
    let budget: Budget

    init(_ budget: Budget) { self.budget = budget }

    mutating func append(_ part: Text) throws {
        try budget.charge(text: text.count + part.count, made: part.count)
        text += part
    }

    mutating func append(_ part: String) throws { try append(Text(part)) }
}
