/// What the content of a part must be beside what its digest says.
enum ContentRule {
    case codes(CodeRange)
    case positions(bits: Int, nonZeroCount: Int)

    /// Calls `add` with the rule of each part of a payload that has one, and the object that the part is.
    static func each(_ payload: StoredPayload, _ object: String, _ add: (String, ContentRule) -> Void) {
        func inside(_ name: String) -> String { StoredPayload.place(object, name) }
        switch payload {
        case .dense: return
        case .lowRank(let u, let v):
            each(u, inside("u"), add)
            each(v, inside("v"), add)
        case .sparse(let rows, let columns, let nonZeroCount, _, let values):
            add(inside("positions"), .positions(bits: rows * columns, nonZeroCount: nonZeroCount))
            each(values, inside("values"), add)
        case .quantized(_, let bits, _, _, _, let zeroPoints, _):
            add(inside("codes"), .codes(CodeRange(bits: bits, isSymmetric: zeroPoints == nil)))
            if zeroPoints != nil { add(inside("zeroPoints"), .codes(CodeRange(bits: bits, isSymmetric: false))) }
        case .composite(let terms):
            for (index, term) in terms.enumerated() { each(term, inside("terms[\(index)]"), add) }
        }
    }

}

/// A rule held against content that comes in pieces.
struct ContentCheck {
    private enum State {
        case codes(CodeRange, allowed: [Bool], firstOther: UInt8?)
        case positions(BitmapCheck)
    }

    private var state: State

    init(_ rule: ContentRule) {
        switch rule {
        case .codes(let range): state = .codes(range, allowed: (0..<256).map { range.contains(UInt8($0)) }, firstOther: nil)
        case .positions(let bits, let nonZeroCount): state = .positions(BitmapCheck(bits: bits, nonZeroCount: nonZeroCount))
        }
    }

    mutating func add(_ content: UnsafeRawBufferPointer) {
        switch state {
        case .codes(let range, let allowed, nil):
            guard let code = content.first(where: { !allowed[Int($0)] }) else { return }
            state = .codes(range, allowed: allowed, firstOther: code)
        case .codes: return
        case .positions(var check):
            check.add(content)
            state = .positions(check)
        }
    }

    /// Nil when all that was added keeps the rule.
    var defect: String? {
        switch state {
        case .codes(let range, _, let code):
            return code.map { "has the code \(range.value($0)); \(range.description) are \(range.bits) bits" }
        case .positions(let check): return check.defect
        }
    }
}
