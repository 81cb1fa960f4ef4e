/// A dictionary in the order of its keys, told apart as Python does: 1, 1.0 and true are one key.
final class Mapping {
    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private(set) var depth = 1
    private var places: [Key: Int] = [:]

    init() {}

    convenience init(_ members: [(key: Value, value: Value)]) throws {
        self.init()
        for (key, value) in members { try set(key, value) }
    }

    var count: Int { keys.count }

    /// The value of a key.
    subscript(key: Key) -> Value? { places[key].map { values[$0] } }

    subscript(name: Text) -> Value? { self[.text(name)] }

    /// While it is being made, and for namespaces.
    func set(_ key: Value, _ value: Value) throws {
        depth = max(depth, try value.depthOfHolder(), try key.depthOfHolder())
        let place = try Key(key)
        if let index = places[place] {
            values[index] = value
        } else {
            places[place] = keys.count
            keys.append(key)
            values.append(value)
        }
    }
}

/// What tells keys of a dictionary apart.
enum Key: Hashable {
    case undefined
    case none
    case integer(Int)
    case float(Double)
    case text(Text)
    indirect case tuple([Key])

    /// - Throws: `Fault` for values that Python cannot hash, and those that have no use as keys.
    init(_ value: Value) throws {
        var parts = 0
        try self.init(value, parts: &parts)
    }

    private init(_ value: Value, parts: inout Int) throws {
        parts += 1
        guard parts <= 1000 else { throw Fault("a key of more than 1000 parts", .limit) }
        switch value {
        case .undefined: self = .undefined
        case .none: self = .none
        case .bool(let flag): self = .integer(flag ? 1 : 0)
        case .integer(let number): self = .integer(number)
        case .float(let number): self = Int(exactly: number).map(Key.integer) ?? .float(number)
        case .text(let text): self = .text(text)
        case .tuple(let elements):
            var keys: [Key] = []
            for element in elements.values { keys.append(try Key(element, parts: &parts)) }
            self = .tuple(keys)
        case .list, .dictionary: throw Fault("\(value.typeWords) cannot be a key")
        default: throw Fault.unsupported("\(value.typeWords) as a key")
        }
    }
}

/// The keys, the values or both of a dictionary.
struct MappingView {
    enum Part: String {
        case keys = "dict_keys"
        case values = "dict_values"
        case items = "dict_items"
    }

    let mapping: Mapping
    let part: Part

    func element(_ index: Int) throws -> Value {
        switch part {
        case .keys: mapping.keys[index]
        case .values: mapping.values[index]
        case .items: .tuple(try Elements([mapping.keys[index], mapping.values[index]]))
        }
    }
}
