/// Escapes and classes of characters.
extension PatternParser {
    /// What follows a backslash outside a class.
    mutating func escape() throws -> PatternNode {
        switch next {
        case "b": position += 1; return .anchor(.wordEdge)
        case "B": position += 1; return .anchor(.noWordEdge)
        case "A": position += 1; return .anchor(.textStart)
        case "z": position += 1; return .anchor(.textEnd)
        case "Z": position += 1; return .anchor(.lastLineEnd)
        default: break
        }
        switch try escapedSet() {
        case .scalar(let scalar): return .set(literal(scalar))
        case .set(let set): return .set(set)
        }
    }

    enum Escaped {
        case scalar(Unicode.Scalar)
        case set(ScalarSet)
    }

    private mutating func escapedSet() throws -> Escaped {
        let scalar = try take()
        switch scalar {
        case "r": return .scalar("\r")
        case "n": return .scalar("\n")
        case "t": return .scalar("\t")
        case "f": return .scalar("\u{0C}")
        case "v": return .scalar("\u{0B}")
        case "a": return .scalar("\u{07}")
        case "e": return .scalar("\u{1B}")
        case "x": return .scalar(try hexadecimal(most: 2))
        case "u": return .scalar(try hexadecimal(most: 4))
        case "s", "S": return .set(ScalarSet(.space, isNegated: scalar == "S"))
        case "d", "D": return .set(ScalarSet(.decimal, isNegated: scalar == "D"))
        case "w", "W": return .set(ScalarSet(.word, isNegated: scalar == "W"))
        case "p", "P": return .set(try property(isNegated: scalar == "P"))
        default:
            let isPlain = scalar.value >= 0x80 || !(scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            guard isPlain else { throw Refusal(reason: "\\\(scalar)") }
            return .scalar(scalar)
        }
    }

    private mutating func hexadecimal(most: Int) throws -> Unicode.Scalar {
        var digits = ""
        let braced = most == 2 && take("{")
        while digits.count < (braced ? 8 : most), let scalar = next, scalar.properties.isASCIIHexDigit {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        let isClosed = !braced || take("}")
        let isWhole = isClosed && (braced || digits.count == most || most == 2)
        guard isWhole, let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) else {
            throw Refusal(reason: "a character's number that is none")
        }
        return scalar
    }

    private mutating func property(isNegated: Bool) throws -> ScalarSet {
        guard take("{") else { throw Refusal(reason: "\\p without {") }
        var isNegated = isNegated
        if take("^") { isNegated.toggle() }
        var name = ""
        while let scalar = next, scalar != "}", name.utf8.count < 64 {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take("}") else { throw Refusal(reason: "\\p{ without }") }
        if let traits = CharacterTraits(named: name) { return ScalarSet(traits, isNegated: isNegated) }
        guard let ranges = ScriptRanges.named(name) else { throw Refusal(reason: "\\p{\(name)}") }
        return ScalarSet(ranges, isNegated: isNegated)
    }

    /// The class after its `[`, with the classes inside it.
    mutating func characterClass(depth: Int = 1) throws -> ScalarSet {
        guard depth <= PatternParser.deepestGroup else { throw Refusal(reason: "classes too deep in each other") }
        var set = ScalarSet(ignoresCase: ignoresCase)
        set.isNegated = take("^")
        var isFirst = true
        while isFirst || next != "]" {
            if take("&&") { throw Refusal(reason: "&& in a class") }
            if take("[:") { throw Refusal(reason: "[: in a class") }
            if take("[") {
                set.insert(try characterClass(depth: depth + 1))
                isFirst = false
                continue
            }
            isFirst = false
            guard case .scalar(let low) = try member(of: &set) else { continue }
            var high = low
            // A - before the end of the class stands for itself.
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                guard next != "[", case .scalar(let end) = try member(of: &set), low.value <= end.value else {
                    throw Refusal(reason: "a range whose end is none")
                }
                high = end
            }
            set.insert(low.value...high.value)
        }
        position += 1
        set.finish()
        return set
    }

    /// One member: a character, or a set, which is put in.
    private mutating func member(of set: inout ScalarSet) throws -> Escaped {
        let scalar = try take()
        guard scalar == "\\" else { return .scalar(scalar) }
        if take("b") { return .scalar("\u{08}") }
        let escaped = try escapedSet()
        if case .set(let inner) = escaped { set.insert(inner) }
        return escaped
    }
}
