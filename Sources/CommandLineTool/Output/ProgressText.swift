import Caplet

/// A stage under way.
struct ProgressStage {
    let name: String
    let unit: String
    let total: Int
    /// Nanoseconds, as all times here.
    let start: UInt64
    private(set) var done = 0
    var remark = ""

    /// When the first units were done, and how many these were: what comes before them is often no part of their rate.
    private var first: (time: UInt64, done: Int)?

    init(name: String, unit: String, total: Int, start: UInt64) {
        (self.name, self.unit, self.total, self.start) = (name, unit, total, start)
    }

    mutating func advance(by units: Int, now: UInt64) {
        done += units
        if first == nil { first = (now, done) }
    }

    /// Units a second since the first of them; nil before there are others.
    func rate(now: UInt64) -> Double? {
        guard let first, done > first.done, now > first.time else { return nil }
        return Double(done - first.done) / (Double(now - first.time) / 1e9)
    }

    /// Seconds that are left by the rate so far; nil before there is one.
    func secondsLeft(now: UInt64) -> Double? { rate(now: now).map { Double(max(total - done, 0)) / $0 } }

    var share: Double { Double(done) / Double(max(total, 1)) }
}

/// The time that pieces of work take, beside what they were thought to take.
struct WorkClock {
    private(set) var mark: WorkMark?
    private var start: UInt64 = 0
    /// Of pieces that have ended: what they took, and what they were thought to take.
    private var (taken, expected) = (0.0, 0.0)

    mutating func enter(_ mark: WorkMark, now: UInt64) {
        if let seconds = self.mark?.seconds, seconds > 1 { (taken, expected) = (taken + Double(now - start) / 1e9, expected + seconds) }
        (self.mark, start) = (mark, now)
    }

    /// Seconds to the end of all work: by what pieces were thought to take while that has not run out, which stages cannot know before they
    /// are well under way; by the rate of the stage after that.
    func secondsLeft(_ stage: ProgressStage, now: UInt64) -> Double? {
        let byRate = stage.secondsLeft(now: now)
        guard let mark, let seconds = mark.seconds, seconds > 0 else { return byRate.map { $0 + after } }
        let thought = seconds * pace - Double(now - start) / 1e9
        // What is done of a single stage tells more than what was thought.
        if stage.share > 0.5, let byRate, byRate > thought { return byRate + after }
        return thought > 0 ? thought + after : byRate.map { $0 + after }
    }

    private var after: Double { (mark?.secondsAfter ?? 0) * pace }

    /// By how much longer than thought the pieces before took.
    private var pace: Double { expected > 1 ? min(max(taken / expected, 0.25), 8) : 1 }
}

/// A line on a stage: "stage 2/3 sensitivity 12/42 layers, 3.1 layers/s, 10 s left, NAME".
struct ProgressText {
    private let head: String
    private let rate: String?
    private let left: String?
    private let remark: String?

    init(_ stage: ProgressStage, _ clock: WorkClock, now: UInt64) {
        let number = clock.mark.map { $0.count > 1 ? "stage \($0.number)/\($0.count) " : "" } ?? ""
        head = "\(number)\(stage.name) \(stage.done)/\(max(stage.total, stage.done)) \(stage.unit)"
        rate = stage.rate(now: now).map { "\(NumberText.decimal($0, places: $0 < 10 ? 2 : 0)) \(stage.unit)/s" }
        left = clock.secondsLeft(stage, now: now).map { "\(NumberText.duration($0)) left" }
        remark = stage.remark.isEmpty ? nil : stage.remark
    }

    var whole: String { [head, rate, left, remark].compactMap { $0 }.joined(separator: ", ") }

    /// As much of it as goes into so many columns: the remark goes first, then the rate, and the end of what is left.
    func fitting(columns: Int) -> String {
        if whole.count <= columns { return whole }
        let bare = [head, rate, left].compactMap { $0 }.joined(separator: ", ")
        let room = columns - bare.count - 2
        if let remark, room >= ProgressText.leastRemark { return "\(bare), \(remark.prefix(room - 1))…" }
        if bare.count <= columns { return bare }
        let least = [head, left].compactMap { $0 }.joined(separator: ", ")
        return least.count <= columns ? least : "\(least.prefix(max(columns - 1, 0)))…"
    }

    /// Letters of a remark that are worth showing.
    private static let leastRemark = 8
}
