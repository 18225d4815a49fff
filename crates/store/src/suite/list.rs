//! The list of all promises, written once, and the macro that makes tests of it.

/// Makes a `#[tokio::test]` of every promise, against the store that the expression makes a fixture of. See
/// [`suite`](crate::suite).
#[macro_export]
macro_rules! event_store_suite {
    ($fixture:expr $(,)?) => {
        $crate::each_promise! { [$crate::promises_as_tests] ($fixture) }
    };
}

/// Makes the tests.
#[doc(hidden)]
#[macro_export]
macro_rules! promises_as_tests {
    (($fixture:expr) $($file:ident { $($promise:ident)* })*) => {
        $(
            mod $file {
                #[allow(unused_imports)]
                use super::*;
                $(
                    #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $promise() {
                        let fixture = $fixture;
                        $crate::suite::$file::$promise(&fixture).await;
                    }
                )*
            }
        )*
    };
}

/// Calls a macro with the names of all promises, by file.
#[doc(hidden)]
#[macro_export]
macro_rules! each_promise {
    ([$($callback:tt)+] ($($context:tt)*)) => {
        $($callback)+! {
            ($($context)*)
            append {
                the_revisions_of_a_stream_are_0_1_2_without_gap
                positions_rise_in_the_order_of_the_appends_over_all_streams
                a_stream_and_all_streams_tell_the_same_events
                the_events_of_one_append_stand_next_to_each_other
                an_event_reads_back_as_it_was_written
                names_and_types_may_be_of_any_script
                streams_whose_names_differ_only_in_case_are_two
                the_answer_tells_the_revision_and_position_of_the_last_event
                an_append_of_no_events_writes_nothing_and_tells_where_the_stream_is
                head_and_current_revision_tell_where_the_end_is
                events_are_dated_by_the_clock_of_the_store
                one_append_may_hold_a_thousand_events
            }
            atomicity {
                an_append_to_several_streams_writes_to_all_of_them
                an_append_to_several_streams_writes_nothing_when_one_of_them_conflicts
                an_append_to_several_streams_writes_nothing_when_one_is_tombstoned
                a_stream_named_twice_in_one_append_is_invalid
                an_append_that_names_no_stream_is_invalid
                a_stream_without_events_is_a_condition_of_the_append
                appends_to_the_same_streams_in_opposite_order_all_succeed
            }
            expectation {
                every_expectation_meets_every_state_of_a_stream_as_in_the_table
                an_append_without_events_is_a_condition_with_the_same_table
                a_conflict_writes_nothing_and_the_stream_goes_on_as_if_it_had_not_been
                what_was_in_conflict_may_be_appended_again_with_the_right_expectation
                a_stream_that_has_only_metadata_does_not_exist_to_writers
            }
            idempotency {
                the_same_append_again_answers_the_first_result
                the_same_append_again_answers_the_first_result_after_others_followed
                the_same_append_again_answers_the_first_result_after_reopening
                a_part_of_an_append_again_answers_where_that_part_ends
                what_was_written_to_a_certain_place_is_known_wherever_it_is_expected
                a_known_beginning_with_another_end_is_a_conflict
                a_known_beginning_with_another_end_is_a_conflict_in_a_deleted_stream_too
                the_same_events_in_another_order_are_a_conflict
                the_same_id_in_another_stream_is_no_duplicate
                an_id_that_other_streams_have_too_is_still_known_in_each
                the_same_append_to_several_streams_again_answers_the_first_result
                a_condition_that_held_the_first_time_need_not_hold_at_the_second
                an_append_of_which_one_stream_was_written_and_another_not_is_a_conflict
                the_same_append_by_many_at_once_is_written_once
            }
            concurrency {
                of_many_writers_that_expect_the_same_revision_exactly_one_wins
                of_many_writers_that_expect_nothing_all_win_and_nothing_is_lost
                writers_that_reload_after_a_conflict_all_come_through
                a_reader_never_finds_a_new_event_at_or_below_one_it_has_seen
                a_reader_sees_all_events_of_an_append_or_none
            }
            read_stream {
                pages_of_any_size_cover_a_stream_once_forwards
                pages_of_any_size_cover_a_stream_once_backwards
                a_page_holds_as_many_events_as_were_asked_for
                the_ends_of_a_stream_are_places_to_begin_at
                a_page_of_a_stream_must_hold_at_least_one_event
                a_stream_that_never_was_is_not_found
                deleted_streams_are_not_found_and_tombstoned_streams_are_deleted
                what_was_answered_is_readable_at_once
            }
            read_all {
                pages_of_any_size_cover_all_streams_once_forwards
                pages_of_any_size_cover_all_streams_once_backwards
                both_directions_tell_the_same_events_with_those_of_the_system
                the_ends_of_all_streams_are_places_to_begin_at
                a_page_from_beyond_the_end_does_not_lead_back
                the_page_at_the_end_leads_to_what_is_appended_next
                a_page_of_all_streams_must_hold_at_least_one_event
                an_empty_store_reads_as_nothing
            }
            filter {
                every_filter_lets_pass_what_it_names_as_in_the_table
                events_of_the_system_are_told_only_to_those_who_ask
                a_filtered_read_comes_to_the_end_past_many_events_that_do_not_pass
            }
            subscribe {
                a_stream_is_followed_from_its_start
                a_stream_is_followed_from_after_a_revision
                a_stream_is_followed_from_its_end
                a_stream_that_does_not_exist_yet_can_be_followed
                all_streams_are_followed_from_the_start_after_a_position_and_from_the_end
                a_subscription_after_a_place_that_is_still_to_come_tells_nothing_before_it
                a_filter_chooses_what_a_subscription_tells
                a_filter_chooses_what_a_subscription_to_one_stream_tells
                caught_up_is_told_once_after_the_events_that_were_there
                progress_moves_past_events_that_do_not_pass_the_filter
                progress_never_passes_an_event_that_is_still_to_be_told
                a_stream_that_is_tombstoned_ends_its_subscriptions
                a_stream_that_is_deleted_and_revived_goes_on_for_its_subscribers
            }
            live {
                the_hand_over_beside_writers_loses_nothing_and_repeats_nothing
                the_hand_over_of_one_stream_beside_writers_loses_nothing
                a_filtered_hand_over_beside_writers_loses_nothing
                a_subscriber_much_slower_than_the_writers_loses_nothing
                giving_up_the_wait_for_a_message_loses_nothing
                many_subscriptions_are_told_the_same
                a_waiting_subscription_is_woken_by_whatever_concerns_it
                an_event_that_comes_while_a_subscriber_begins_to_wait_is_told
            }
            delete {
                a_deleted_stream_hides_its_events
                a_deleted_stream_is_still_told_among_all_streams
                an_append_revives_a_deleted_stream_and_continues_its_numbering
                a_revived_stream_can_be_deleted_and_revived_again
                the_expectation_of_a_deletion_is_checked
                deleting_a_stream_that_never_was_is_a_conflict
                deleting_what_is_deleted_changes_nothing
                a_deletion_is_metadata_that_truncates_everything
                metadata_for_a_deleted_stream_does_not_bring_back_its_events
                a_deleted_stream_is_listed_again_when_it_lives_again
                a_metadata_stream_cannot_be_deleted_by_itself
                one_append_may_revive_a_stream_beside_others
            }
            tombstone {
                a_tombstoned_stream_refuses_everything
                a_stream_that_never_was_can_be_tombstoned
                a_deleted_stream_can_be_tombstoned
                the_expectation_of_a_tombstone_is_checked
                a_tombstone_is_an_event_among_all_streams_and_the_others_stay
                a_tombstoned_stream_is_not_listed
                a_tombstone_closes_one_stream_and_no_other
            }
            metadata {
                metadata_reads_back_as_it_was_set_with_the_users_own_keys
                metadata_is_replaced_on_the_revision_it_is_expected_to_have
                metadata_is_the_newest_event_of_its_own_stream
                an_append_to_the_metadata_stream_sets_the_metadata
                metadata_of_metadata_cannot_be_set
                max_count_leaves_the_newest_events
                truncate_before_hides_the_events_before_it
                truncating_beyond_the_end_hides_what_is_there_and_what_comes_until_then
                the_stricter_of_count_and_truncation_holds
                max_age_hides_events_when_their_time_is_over
                a_subscription_begins_with_the_first_event_that_can_be_read
                metadata_that_is_no_json_sets_nothing
            }
            documents {
                a_document_counts_its_versions_from_one
                a_document_holds_any_bytes_under_any_text
                a_document_is_written_only_on_the_version_it_is_expected_to_have
                a_deleted_document_is_absent_and_begins_anew
                documents_are_listed_by_prefix_in_order_of_their_bytes
                documents_are_listed_page_by_page
                documents_are_no_events
                of_many_writers_of_one_version_exactly_one_wins
            }
            catalog {
                streams_are_listed_in_order_of_their_bytes_without_those_of_the_system
                streams_are_listed_by_prefix
                streams_are_listed_by_category
                streams_are_listed_page_by_page
                a_limit_of_zero_lists_a_thousand_streams
                event_types_are_listed_by_category_with_their_number
            }
            durability {
                reopening_keeps_every_event_as_it_was
                reopening_keeps_metadata_deletions_and_tombstones
                a_reopened_store_goes_on_where_it_ended
                an_append_that_does_not_wait_for_the_disk_is_like_any_other
                reopening_keeps_documents
                reopening_keeps_the_catalogue
                a_subscription_to_a_reopened_store_goes_on_after_the_last_place
                a_closed_store_refuses_further_calls_and_ends_its_subscriptions
            }
            limits {
                an_event_over_the_limit_is_refused
                an_append_over_the_limit_is_refused
                an_event_type_over_the_limit_or_empty_is_refused
                an_event_type_with_control_characters_is_refused
                a_large_event_reads_back_whole
                a_stream_of_the_longest_name_is_like_any_other
                a_document_over_the_limit_is_refused
            }
            scavenge {
                what_can_no_longer_be_read_is_gone_and_the_rest_stays_where_it_was
                streams_read_after_a_scavenge_as_before_it
                a_stream_goes_on_behind_its_last_event_though_that_is_gone
                what_was_scavenged_does_not_come_back
                a_second_scavenge_finds_nothing_more
                a_tombstone_is_all_that_is_left_of_its_stream
                events_that_are_too_old_are_scavenged_from_the_beginning
                readers_that_hold_a_place_go_on_after_a_scavenge
                an_id_that_was_scavenged_can_be_written_again_once
                scavenging_while_others_append_loses_nothing
                a_closed_store_is_not_scavenged
            }
            verify {
                a_healthy_store_is_found_whole_with_all_that_it_holds
                an_empty_store_is_found_whole
            }
            model {
                a_random_walk_ends_where_the_model_ends
            }
        }
    };
}
