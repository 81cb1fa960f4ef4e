/// Runs a pattern over one text, with its own stack, in a bounded number of steps.
struct PatternMatcher {
    /// A place to go back to.
    private struct Frame {
        enum Kind { case resume, shrink, grow, mark, negativeMark }
        var kind: Kind
        var place: Int
        var position: Int
        /// The last position to go back to in a run, or to reach in one that grows.
        var limit = 0
        /// Where a run ended at first.
        var end = 0
        /// The run's own instruction.
        var run = 0
    }

    /// A run after which nothing matched, wherever from `low` to `end` it ended: a later start in it leads nowhere either.
    private struct DeadRun {
        var start = 0
        var end = -1
        var low = 0
    }

    private let program: PatternProgram
    let scalars: UnsafeBufferPointer<Unicode.Scalar>
    let traits: UnsafeBufferPointer<CharacterTraits>
    private(set) var bounds = 0..<0
    private var frames: [Frame] = []
    private var marks: [Int] = []
    private var dead: [DeadRun]
    private var steps: Int

    /// Steps for each character; patterns of tokenizers take fewer than a third.
    private static let stepsPerCharacter = 200
    /// A quarter of a GiB; only a group that is repeated many times leaves a frame each time.
    private static let mostFrames = 1 << 22

    init(
        _ program: PatternProgram, _ scalars: UnsafeBufferPointer<Unicode.Scalar>, _ traits: UnsafeBufferPointer<CharacterTraits>
    ) {
        self.program = program
        self.scalars = scalars
        self.traits = traits
        dead = Array(repeating: DeadRun(), count: program.instructions.count)
        steps = 64 * PatternMatcher.stepsPerCharacter
    }

    /// Takes a part of the text for the whole, behind all parts before; its steps are added to those that are left.
    mutating func begin(_ part: Range<Int>) {
        bounds = part
        steps = max(steps, 0) + PatternMatcher.stepsPerCharacter * part.count
    }

    /// Whether the steps are used up; what is left of the text then has no matches.
    var isExhausted: Bool { steps <= 0 }

    /// The end of the match that begins at a position; nil where there is none.
    mutating func end(ofMatchAt start: Int) -> Int? {
        frames.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        var (place, position) = (0, start)
        while steps > 0 {
            steps -= 1
            var goesOn = true
            switch program.instructions[place] {
            case .match: return position
            case .set(let set):
                goesOn = position < bounds.upperBound && holds(set, position)
                position += 1
                place += 1
            case .run(let set, let count, let kind): goesOn = run(set, count, kind, &place, &position)
            case .either(let first, let second):
                if frames.count >= PatternMatcher.mostFrames { steps = 0 }
                frames.append(Frame(kind: .resume, place: second, position: position))
                place = first
            case .jump(let target): place = target
            case .open(let group, let after):
                marks.append(frames.count)
                frames.append(Frame(kind: group == .notAhead ? .negativeMark : .mark, place: after, position: position))
                place += 1
            case .close(let group): goesOn = close(group, &place, &position)
            case .anchor(let anchor):
                goesOn = holds(anchor, position)
                place += 1
            }
            if !goesOn, !back(&place, &position) { return nil }
        }
        return nil
    }

    @inline(__always)
    private func holds(_ set: Int, _ position: Int) -> Bool {
        program.sets[set].contains(scalars[position].value, traits[position])
    }

    private mutating func run(
        _ set: Int, _ count: ClosedRange<Int>, _ kind: PatternNode.Repetition, _ place: inout Int, _ position: inout Int
    ) -> Bool {
        let own = place
        if dead[own].end > position, dead[own].start <= position, marks.isEmpty, count.upperBound == .max, kind == .greedy,
            position + count.lowerBound >= dead[own].low
        {
            return false
        }
        let least = position + count.lowerBound
        let wanted = kind == .lazy ? count.lowerBound : count.upperBound
        let limit = wanted > bounds.upperBound - position ? bounds.upperBound : position + wanted
        var end = position
        while end < limit, holds(set, end) { end += 1 }
        steps -= (end - position) / 8
        guard end >= least else { return false }
        place += 1
        if kind == .greedy, end > least {
            frames.append(Frame(kind: .shrink, place: place, position: end, limit: least, end: end, run: own))
        } else if kind == .lazy, count.upperBound > count.lowerBound {
            let most = count.upperBound > bounds.upperBound - position ? bounds.upperBound : position + count.upperBound
            frames.append(Frame(kind: .grow, place: place, position: end, limit: most, run: set))
        }
        position = end
        return true
    }

    /// Ends a group: what could have gone otherwise in it is forgotten.
    private mutating func close(_ group: PatternNode.Group, _ place: inout Int, _ position: inout Int) -> Bool {
        let mark = marks.removeLast()
        let start = frames[mark].position
        frames.removeSubrange(mark...)
        place += 1
        if group != .atomic { position = start }
        return group != .notAhead
    }

    /// Goes back to the last place where there was a choice.
    private mutating func back(_ place: inout Int, _ position: inout Int) -> Bool {
        while let frame = frames.last {
            let top = frames.count - 1
            (place, position) = (frame.place, frame.position)
            switch frame.kind {
            case .resume:
                frames.removeLast()
                return true
            case .shrink where frame.position > frame.limit:
                position -= 1
                frames[top].position = position
                return true
            case .shrink:
                frames.removeLast()
                if marks.isEmpty, case .run(_, let count, _) = program.instructions[frame.run], count.upperBound == .max {
                    dead[frame.run] = DeadRun(start: frame.limit - count.lowerBound, end: frame.end, low: frame.limit)
                }
            case .grow where frame.position < frame.limit && holds(frame.run, frame.position):
                position += 1
                frames[top].position = position
                return true
            case .grow: frames.removeLast()
            case .mark, .negativeMark:
                frames.removeLast()
                marks.removeLast()
                if frame.kind == .negativeMark { return true }
            }
        }
        return false
    }
}
