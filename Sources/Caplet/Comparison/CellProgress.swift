import Execution

/// Progress of one cell: the stages of its passes, each with the cell's name before its own.
final class CellProgress: Progress {
    private let prefix: String
    private let progress: any Progress

    init(_ prefix: String, _ progress: any Progress) {
        self.prefix = prefix
        self.progress = progress
    }

    func begin(_ stage: String, total: Int, unit: String) { progress.begin("\(prefix): \(stage)", total: total, unit: unit) }
    func advance(by units: Int, remark: String) { progress.advance(by: units, remark: remark) }
    func end() { progress.end() }
}
