/// What can be computed with: integers, floats, and booleans as 1 and 0.
enum Number {
    case integer(Int)
    case float(Double)

    init?(_ value: Value) {
        switch value {
        case .bool(let flag): self = .integer(flag ? 1 : 0)
        case .integer(let number): self = .integer(number)
        case .float(let number): self = .float(number)
        default: return nil
        }
    }

    var double: Double {
        switch self {
        case .integer(let number): Double(number)
        case .float(let number): number
        }
    }

    var value: Value {
        switch self {
        case .integer(let number): .integer(number)
        case .float(let number): .float(number)
        }
    }
}

extension Number: Comparable {
    static func == (a: Number, b: Number) -> Bool {
        switch (a, b) {
        case (.integer(let a), .integer(let b)): a == b
        case (.float(let a), .float(let b)): a == b
        case (.integer(let a), .float(let b)), (.float(let b), .integer(let a)): Int(exactly: b) == a
        }
    }

    static func < (a: Number, b: Number) -> Bool {
        switch (a, b) {
        case (.integer(let a), .integer(let b)): a < b
        case (.float(let a), .float(let b)): a < b
        case (.integer(let a), .float(let b)): order(a, b) < 0
        case (.float(let a), .integer(let b)): order(b, a) > 0
        }
    }

    static func <= (a: Number, b: Number) -> Bool { a < b || a == b }

    static func >= (a: Number, b: Number) -> Bool { b <= a }

    static func > (a: Number, b: Number) -> Bool { b < a }

    /// Below 0, 0 or above it as an integer is below, at or above a float; 0 for what is not a number.
    private static func order(_ integer: Int, _ float: Double) -> Int {
        guard !float.isNaN else { return 0 }
        guard let whole = Int(exactly: float.rounded(.down)) else { return float > 0 ? -1 : 1 }
        if integer != whole { return integer < whole ? -1 : 1 }
        return float > Double(whole) ? -1 : 0
    }
}
