import PassKit

/// What a pass that goes along gradients lets the user choose.
public struct GradientSettings: Sendable {
    /// Passes over the calibration set.
    public let passes: Int
    /// Sequences a step; nil for a sixteenth of those that are calibrated on.
    public let batch: Int?
    /// Size of a step, as a share of the values' root mean square; nil to find one.
    public let rate: Double?

    /// Which sequences of the calibration text gradients are taken on.
    public let text: Text

    public init(passes: Int, batch: Int?, rate: Double? = nil, text: Text = .more) {
        (self.passes, self.batch, self.rate, self.text) = (passes, batch, rate, text)
    }

    /// Sequences that are learned from, at most, for each that is calibrated on.
    public var mostSequences: Double { text == .more ? Double(CalibrationCost.learningShare) : 1 }

    /// Sequences of the calibration text.
    public enum Text: String, CaseIterable, Sendable {
        /// Those that other passes calibrate on.
        case calibrated
        /// These and as many as three times more, each seen less often: a pass is as many steps.
        case more
    }

    /// The options of a pass.
    public struct Options: Sendable {
        private let passes: IntegerOption
        private let batch: OptionOrWord<IntegerOption>
        private let rate: OptionOrWord<NumberOption>
        private let text: ChoiceOption<Text>

        /// - Parameters:
        ///   - passes: how many by default.
        ///   - requirements: what other options have to be.
        public init(passes: Int, requires requirements: [OptionRequirement] = []) {
            self.passes = IntegerOption(
                "passes", in: 1...1000, default: passes, "passes over the calibration set", requires: requirements)
            batch = OptionOrWord(
                IntegerOption(
                    "batch", in: 1...4096, default: 8,
                    "calibration sequences a step; auto is a sixteenth of them, so that a pass has some fourteen steps",
                    requires: requirements),
                or: "auto")
            rate = OptionOrWord<NumberOption>(
                "rate", in: 0...1, or: "auto",
                "size of a step, as a share of the values' root mean square; auto is 0.01, or less where that does not help in the first pass",
                requires: requirements)
            text = ChoiceOption<Text>(
                "text", default: .more,
                "learn from the sequences calibrated on alone, or from more of the calibration text, where it has more, in as many steps",
                requires: requirements)
        }

        /// All of them, in the order of the help.
        public var all: [any PassOption] { [passes, batch, rate, text] }

        /// What was chosen.
        public func chosen(_ options: PassOptions) -> GradientSettings {
            GradientSettings(passes: options[passes], batch: options[batch], rate: options[rate], text: options[text])
        }
    }
}
