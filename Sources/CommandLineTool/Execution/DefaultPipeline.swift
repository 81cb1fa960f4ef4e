/// What `compress` runs when it is not told otherwise, and what `compare` calls "caplet".
enum DefaultPipeline {
    /// - Parameter keep: share of the linear layers' parameters to keep, as pipeline text has it.
    static func text(keep: String) -> String { "rpca,prune-probabilistic{keep=\(keep)},refit" }

    /// What `compress` runs for a size: codes for everything, as many bits as fit.
    ///
    /// - Parameter size: bytes of the whole file.
    static func text(size: Int) -> String { "quantize{size=\(size) target=dense+s+uv layers=matrices}" }

    /// - Parameter lossIncrease: by which the mean loss on the calibration text may rise, in nats a token.
    static func text(lossIncrease: Double) -> String { "quantize{increase=\(lossIncrease) target=dense+s+uv layers=matrices}" }

    static func text(keep: Double) -> String { text(keep: "\(keep)") }
}
