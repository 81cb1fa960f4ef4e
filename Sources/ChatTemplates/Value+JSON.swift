import StrictJSON

extension Value {
    /// The value of a JSON document.
    ///
    /// - Throws: `Fault` for too many levels.
    init(_ json: JSONValue, level: Int = 1) throws {
        guard level < Value.maximumDepth else { throw Fault("more than \(Value.maximumDepth) levels of values", .limit) }
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(number)
        case .number(let number): self = .float(number)
        case .string(let text): self = .text(text)
        case .array(let items):
            var values: [Value] = []
            values.reserveCapacity(items.count)
            for item in items { values.append(try Value(item, level: level + 1)) }
            self = .list(try Elements(values))
        case .object(let object):
            let mapping = Mapping()
            for (key, value) in object { try mapping.set(.text(key), try Value(value, level: level + 1)) }
            self = .dictionary(mapping)
        }
    }
}
