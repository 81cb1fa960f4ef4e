/// A pattern as instructions for a matcher that backtracks.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        /// One character of a set.
        case set(Int)
        /// A run of characters of a set.
        case run(Int, ClosedRange<Int>, PatternNode.Repetition)
        /// On with the first place; with the second where that leads nowhere.
        case either(Int, Int)
        case jump(Int)
        /// The beginning of a group, with the place after it.
        case open(PatternNode.Group, Int)
        case close(PatternNode.Group)
        case anchor(PatternNode.Anchor)
        case match
    }

    static let mostInstructions = 1 << 14

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [ScalarSet] = []

    /// - Throws: `PatternParser.Refusal` where the instructions would be too many.
    init(_ node: PatternNode) throws {
        try append(node)
        try append(.match)
    }

    private mutating func append(_ instruction: Instruction) throws {
        guard instructions.count < PatternProgram.mostInstructions else { throw PatternParser.Refusal(reason: "it repeats too much") }
        instructions.append(instruction)
    }

    private mutating func number(of set: ScalarSet) -> Int {
        sets.append(set)
        return sets.count - 1
    }

    private mutating func append(_ node: PatternNode) throws {
        switch node {
        case .set(let set): try append(.set(number(of: set)))
        case .sequence(let parts): for part in parts { try append(part) }
        case .alternatives(let parts): try append(alternatives: parts[...])
        case .repeated(let part, let count, let kind):
            if let set = part.single {
                try append(.run(number(of: set), count, kind))
            } else if case .repeated(let inner, let own, .greedy) = part, let set = inner.single, own.lowerBound == 1,
                count.upperBound == .max, kind == .greedy
            {
                // (x{1,n})+ is x+.
                try append(.run(number(of: set), count.lowerBound...Int.max, .greedy))
            } else {
                try append(repeated: part, count, kind)
            }
        case .group(let group, let part): try append(group, part)
        case .anchor(let anchor): try append(Instruction.anchor(anchor))
        }
    }

    private mutating func append(_ group: PatternNode.Group, _ part: PatternNode) throws {
        let start = instructions.count
        try append(.open(group, 0))
        try append(part)
        try append(.close(group))
        instructions[start] = .open(group, instructions.count)
    }

    private mutating func append(alternatives: ArraySlice<PatternNode>) throws {
        var jumps: [Int] = []
        for (index, part) in alternatives.enumerated() {
            let fork = instructions.count
            let isLast = index == alternatives.count - 1
            if !isLast { try append(.either(fork + 1, 0)) }
            try append(part)
            guard !isLast else { break }
            jumps.append(instructions.count)
            try append(.jump(0))
            instructions[fork] = .either(fork + 1, instructions.count)
        }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    /// The part as often as it must be, then as often as it may be.
    private mutating func append(repeated part: PatternNode, _ count: ClosedRange<Int>, _ kind: PatternNode.Repetition) throws {
        guard kind != .possessive else { return try append(.atomic, .repeated(part, count, .greedy)) }
        func fork(_ place: Int, _ end: Int) -> Instruction {
            kind == .greedy ? .either(place + 1, end) : .either(end, place + 1)
        }
        for _ in 0..<count.lowerBound { try append(part) }
        if count.upperBound == .max {
            let start = instructions.count
            try append(.either(0, 0))
            try append(part)
            try append(.jump(start))
            instructions[start] = fork(start, instructions.count)
            return
        }
        var forks: [Int] = []
        for _ in count.lowerBound..<count.upperBound {
            forks.append(instructions.count)
            try append(.either(0, 0))
            try append(part)
        }
        for place in forks { instructions[place] = fork(place, instructions.count) }
    }
}
