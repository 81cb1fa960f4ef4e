extension CompressionResult {
    /// What the compression cost, in lines for a person: a word and what it is.
    package var costLines: [(name: String, value: String)] {
        let percent = inputBytes == 0 ? 0 : 100 * Double(outputBytes) / Double(inputBytes)
        let bits = [bitsPerWeightBefore, bitsPerWeight].map { NumberText.decimal($0, places: 2) }
        let measuring = cost.map { ", and \(NumberText.decimal($0.seconds, places: 1)) s to measure it" } ?? ""
        return (cost?.lines ?? []) + [
            (
                "bytes",
                "\(NumberText.grouped(inputBytes)) → \(NumberText.grouped(outputBytes)), \(NumberText.decimal(percent, places: 1)) %"
            ),
            ("bits", "\(bits[0]) → \(bits[1]) a weight"), ("time", "\(NumberText.decimal(seconds, places: 1)) s of passes\(measuring)"),
            ("memory", "\(NumberText.bytes(peakMemoryBytes)) at the peak"),
        ]
    }
}

extension MeasuredCost {
    /// Loss and likeness; of an encoder the distance alone.
    fileprivate var lines: [(name: String, value: String)] {
        if let distance {
            let mean = MeasuredCost.number(distance, distanceStandardError, places: 6)
            return [
                (
                    "distance",
                    "\(mean) from the original's embeddings (1 − cosine), on \(NumberText.grouped(sequences)) sentences of \(place)"
                )
            ]
        }
        guard let lossBefore, let lossAfter, let divergence, let agreement else { return [] }
        let rise = (lossAfter < lossBefore ? "" : "+") + MeasuredCost.number(lossAfter - lossBefore, lossDifferenceStandardError, places: 4)
        let (before, after) = (NumberText.decimal(lossBefore, places: 4), NumberText.decimal(lossAfter, places: 4))
        return [
            ("loss", "\(before) → \(after) nats a token, \(rise), on \(NumberText.grouped(tokens)) tokens of \(place)"),
            (
                "likeness",
                "\(MeasuredCost.number(divergence, divergenceStandardError, places: 4)) nats of KL divergence from the original, "
                    + "the same likeliest token in \(NumberText.decimal(100 * agreement, places: 1)) %"
            ),
        ]
    }

    private var place: String {
        switch origin {
        case .ownText: return "the text given"
        case .heldOut, .chosenBy: return "a \(origin.rawValue)"
        case .calibrated: return "the \(origin.rawValue): other text loses more"
        }
    }

    private static func number(_ value: Double, _ error: Double?, places: Int) -> String {
        NumberText.decimal(value, places: places) + (error.map { " ± \(NumberText.decimal($0, places: places))" } ?? "")
    }
}
