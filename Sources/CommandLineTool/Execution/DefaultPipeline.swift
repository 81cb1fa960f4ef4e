/// What `compress` runs when it is not told otherwise, and what `compare` calls "caplet".
enum DefaultPipeline {
    /// - Parameter keep: share of the linear layers' parameters to keep, as pipeline text has it.
    static func text(keep: String) -> String { "rpca,prune-probabilistic{keep=\(keep)},refit" }

    static func text(keep: Double) -> String { text(keep: "\(keep)") }
}
